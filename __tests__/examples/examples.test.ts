import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import mongoose from 'mongoose';
import { testUri } from '../support/database';

const folder = path.resolve(__dirname, '../../examples/numbered');
const files = readdirSync(folder).sort();

// One connection for all, as the models of all are built on the first.
beforeAll(() => mongoose.connect(testUri()));
afterAll(async () => {
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});

it('are numbered without a gap', () => {
  expect(files.map((file) => Number(file.slice(0, 2)))).toEqual(files.map((_, place) => place + 1));
});

it.each(files)('%s has at most 40 lines and prints what its comments say', async (file) => {
  const source = readFileSync(path.join(folder, file), 'utf8');
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  const body = source.slice(source.indexOf('function run()'));
  const promised = [...body.matchAll(/\/\/ (.*)$/gm)].map(([, text]) => text);
  expect(promised.length).toBeGreaterThan(0);

  const printed: string[] = [];
  const log = jest.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
    printed.push(...values.map(String).join(' ').split('\n'));
  });
  try {
    const { run } = (await import(path.join(folder, file))) as { run: () => Promise<void> };
    await run();
  } finally {
    log.mockRestore();
  }
  expect(printed).toEqual(promised);
});
