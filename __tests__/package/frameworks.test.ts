import { makeFrameworkConsumer } from './consumer-project';
import { runTool } from './run';

it('has the types of the model in NestJS, in Typegoose and with classes', async () => {
  const cwd = await makeFrameworkConsumer();
  expect(await runTool('tsc', ['-p', 'tsconfig.json'], { cwd })).toBe('');
});
