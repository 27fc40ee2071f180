import { readFileSync } from 'node:fs';
import path from 'node:path';
import mongoose from 'mongoose';
import { examples } from '../../examples/run';
import { testUri } from '../support/database';

const folder = path.resolve(__dirname, '../../examples');

// One connection for all, since the examples compile their models on the default one.
beforeAll(() => mongoose.connect(testUri()));
beforeEach(async () => {
  mongoose.deleteModel(/./);
  await mongoose.connection.dropDatabase();
});
afterAll(async () => {
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});

it('have names of their own, so that a name alone finds one', () => {
  const names = examples.map((example) => path.basename(example));
  expect(names.length).toBeGreaterThan(5);
  expect(new Set(names).size).toBe(names.length);
});

it('are in the table of the recipes, all of them', () => {
  const readme = readFileSync(path.join(folder, 'recipes/README.md'), 'utf8');
  const listed = [...readme.matchAll(/\]\(([\w-]+)\.ts\)/g)].map(
    ([, name = '']) => `recipes/${name}`,
  );
  expect(listed.sort()).toEqual(examples.filter((name) => name.startsWith('recipes/')));
});

it.each(examples)('%s has at most 40 lines and prints what its comments say', async (example) => {
  const source = readFileSync(path.join(folder, `${example}.ts`), 'utf8');
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  const body = source.slice(source.indexOf('function run()'));
  const promised = [...body.matchAll(/\/\/ (.*)$/gm)].map(([, text]) => text);
  expect(promised.length).toBeGreaterThan(0);

  const printed: string[] = [];
  const log = jest.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
    printed.push(...values.map(String).join(' ').split('\n'));
  });
  try {
    const { run } = (await import(path.join(folder, example))) as { run: () => Promise<void> };
    await run();
  } finally {
    log.mockRestore();
  }
  expect(printed).toEqual(promised);
});
