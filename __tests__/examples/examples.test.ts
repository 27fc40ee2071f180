import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import mongoose from 'mongoose';
import { testUri } from '../support/database';

const examples = path.resolve(__dirname, '../../examples');
const listFiles = (folder: string) =>
  readdirSync(path.join(examples, folder))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => path.join(folder, name));
const numbered = listFiles('numbered');
const recipes = listFiles('recipes');

// One connection for all, as the models of all are built on the first.
beforeAll(() => mongoose.connect(testUri()));
afterAll(async () => {
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});

it('are numbered without a gap', () => {
  const numbers = numbered.map((file) => Number(path.basename(file).slice(0, 2)));
  expect(numbers).toEqual(numbered.map((_, place) => place + 1));
});

it('are in the table of the recipes, all of them', () => {
  const readme = readFileSync(path.join(examples, 'recipes/README.md'), 'utf8');
  const listed = [...readme.matchAll(/\]\(([\w-]+\.ts)\)/g)].map(([, name]) => name);
  expect(listed.sort()).toEqual(recipes.map((file) => path.basename(file)));
});

it.each([...numbered, ...recipes])(
  '%s has at most 40 lines and prints what its comments say',
  async (file) => {
    const source = readFileSync(path.join(examples, file), 'utf8');
    expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
    const body = source.slice(source.indexOf('function run()'));
    const promised = [...body.matchAll(/\/\/ (.*)$/gm)].map(([, text]) => text);
    expect(promised.length).toBeGreaterThan(0);

    const printed: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
      printed.push(...values.map(String).join(' ').split('\n'));
    });
    try {
      const { run } = (await import(path.join(examples, file))) as { run: () => Promise<void> };
      await run();
    } finally {
      log.mockRestore();
    }
    expect(printed).toEqual(promised);
  },
);
