import { Schema } from 'mongoose';
import { toValidationError, type UniqueValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const isDuplicate = (n: number) => n % 2 === 1;
const isInvalid = (n: number) => n % 1000 === 0;
const duplicatesOf = (count: number) =>
  Array.from({ length: count }, (_, n) => n).filter(isDuplicate);

/** Every second row has a key that is taken; every thousandth is no document of the schema. */
const rows = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    key: isDuplicate(n) ? `taken ${String(n)}` : `free ${String(n)}`,
    size: isInvalid(n) ? 'no number' : n,
  }));

let model: AnyModel;
beforeAll(async () => {
  model = await compile(new Schema({ key: { type: String, unique: true }, size: Number }));
});

async function seed(count: number): Promise<void> {
  await model.collection.deleteMany();
  const taken = duplicatesOf(count).map((n) => ({ key: `taken ${String(n)}` }));
  await model.collection.insertMany(taken);
}
beforeEach(() => seed(10));

describe('of 10,000 rows', () => {
  const ROWS = 10_000;
  const duplicates = duplicatesOf(ROWS);
  beforeEach(() => seed(ROWS));

  function expectEveryRow({ validationErrors }: UniqueValidationError, operation: string) {
    const told = validationErrors?.map((one) => [
      one.index,
      one.operation,
      one.errors['key']?.value,
    ]);
    expect(told).toEqual(duplicates.map((n) => [n, operation, `taken ${String(n)}`]));
  }

  it('insertMany, unordered, reports every duplicate, with rows refused by validation before', async () => {
    const error = (await rejection(
      model.insertMany(rows(ROWS), { ordered: false }),
    )) as UniqueValidationError;
    expectEveryRow(error, 'insertOne');
    const { results } = error as unknown as { results: unknown[] };
    expect(results).toHaveLength(ROWS);
    expect(results[1]).toBe(error.validationErrors?.[0]);
    expect(await model.countDocuments({ key: /^free/ })).toBe(ROWS / 2 - ROWS / 1000);
  });

  it('bulkWrite, unordered, reports every duplicate, with rows refused by casting before', async () => {
    const operations = rows(ROWS).map((document) => ({ insertOne: { document } }));
    const write = model.bulkWrite(operations as never, { ordered: false });
    const error = (await rejection(write)) as UniqueValidationError;
    expect(error.name).toBe('MongoBulkWriteError');
    expectEveryRow(error, 'insertOne');
  });
});

it('insertMany, ordered: the first duplicate and none after it', async () => {
  const valid = rows(10).filter((_, n) => !isInvalid(n));
  const error = (await rejection(model.insertMany(valid))) as UniqueValidationError;
  expect(error.validationErrors?.map(({ index }) => index)).toEqual([0]);
});

it('bulkWrite, ordered: the first duplicate and none after it', async () => {
  const operations = duplicatesOf(10).map((n) => ({
    updateOne: {
      filter: { key: `taken ${String(n)}` },
      update: { key: n === 5 ? 'taken 1' : `new ${String(n)}` },
    },
  }));
  operations.unshift({ updateOne: { filter: { key: 'taken 1' }, update: { key: 'taken 1' } } });
  const [, , ...rest] = operations;
  const error = (await rejection(model.bulkWrite(rest))) as UniqueValidationError;
  expect(error.validationErrors?.map(({ index, operation }) => [index, operation])).toEqual([
    [1, 'updateOne'],
  ]);
});

it.each([
  ['updateOne', { updateOne: { filter: { key: 'taken 1' }, update: { key: 'taken 3' } } }],
  ['updateMany', { updateMany: { filter: { key: 'taken 1' }, update: { key: 'taken 3' } } }],
  ['replaceOne', { replaceOne: { filter: { key: 'taken 1' }, replacement: { key: 'taken 3' } } }],
])('a row of bulkWrite says that it was %s', async (operation, op) => {
  const error = (await rejection(model.bulkWrite([op] as never))) as UniqueValidationError;
  expect(error.validationErrors).toMatchObject([{ index: 0, operation }]);
});

it('rows of other codes stay in writeErrors and are named in the message', async () => {
  const schema = new Schema({ key: { type: String, unique: true }, size: Number });
  const checked = await compile(schema);
  await mongoose.connection.db?.command({
    collMod: checked.collection.name,
    validator: { size: { $lt: 10 } },
  });
  await checked.create({ key: 'a', size: 1 });
  const docs = [
    { key: 'b', size: 99 },
    { key: 'a', size: 1 },
    { key: 'c', size: 2 },
    { key: 'd', size: 50 },
  ];
  const error = (await rejection(
    checked.insertMany(docs, { ordered: false }),
  )) as UniqueValidationError;
  expect(error.message).toBe(
    `${checked.modelName} validation failed: key: Path \`key\` must be unique.; ` +
      'other write errors: row 0 (code 121), row 3 (code 121)',
  );
  expect(error.validationErrors?.map(({ index }) => index)).toEqual([1]);
  expect(error).toHaveProperty('writeErrors.length', 3);
});

it('of many rows of other codes the message names five and counts the rest', () => {
  const refused = Array.from({ length: 7 }, (_, index) => ({ index: index + 1, code: 121 }));
  const duplicate = { index: 0, code: 11000, errmsg: 'E11000', keyPattern: { key: 1 } };
  const named = 'row 1 (code 121), row 2 (code 121), row 3 (code 121), row 4 (code 121), row 5';
  const rows = [duplicate, ...refused];
  for (const writeErrors of [
    rows,
    // A copy of what the driver makes of a row has lost its getters.
    rows.map((err) => ({ err })),
  ]) {
    const error = toValidationError({ code: 11000, writeErrors }, model) as UniqueValidationError;
    expect(error.message).toContain(`; other write errors: ${named} (code 121) and 2 more`);
    expect(error.validationErrors?.map(({ index }) => index)).toEqual([0]);
  }
});

it('JSON of the error of bulkWrite has its row, also where the driver keeps a single one', async () => {
  const errmsg = 'E11000 duplicate key error';
  const duplicate = { index: 3, code: 11000, errmsg, keyPattern: { key: 1 } };
  const raw = Object.assign(new Error('E11000 duplicate key error'), {
    code: 11000,
    writeErrors: duplicate,
  });
  jest.spyOn(model.collection, 'bulkWrite').mockRejectedValueOnce(raw as never);
  const error = await rejection(model.bulkWrite([{ insertOne: { document: { key: 'a' } } }]));
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({
    errors: { key: { kind: 'unique' } },
    writeErrors: [{ index: 3, code: 11000 }],
  });
});
