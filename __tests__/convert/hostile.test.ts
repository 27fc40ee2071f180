import * as fc from 'fast-check';
import { Schema, Types } from 'mongoose';
import type { UniqueValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

/** Printed with each failure, so that it can be run again. */
const SEED = Date.now() & 0x7fffffff;
/** Of each property; the continuous integration asks for more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);

const AWKWARD = [
  ' index: ',
  ' index: admin_1 dup key: { admin: "1"',
  ' dup key: ',
  ' dup key: { key: "',
  ' collation: {',
  ' found value: ',
  'E11000 duplicate key error collection: ',
  '" }',
  '{ : ',
  '{',
  '}',
  '"',
  "'",
  '\\',
  '$&',
  '$1',
  "$'",
  '{TYPE}',
  '{VALUE}',
  '{PATH}',
  '__proto__',
  'constructor',
  'a.b',
  '$set',
  '%s',
  '\n',
  '\t',
  '  ',
  '\u2028',
  '😀',
  'é',
  'e\u0301',
  'x'.repeat(200),
  'y'.repeat(10_000),
];

const awkward = fc.constantFrom(...AWKWARD);
/** Text that a BSON string carries unchanged: no lone surrogates, which the driver replaces. */
const text = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: awkward }, fc.string({ unit: 'grapheme', maxLength: 10 })),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => parts.join(''))
  .filter((value) => Buffer.from(value, 'utf8').toString('utf8') === value);
const value = fc.oneof(
  { weight: 4, arbitrary: text },
  text.map((one) => `${one}\0${one}`),
  fc.constant('\ud800').map((lone) => `a${lone}b`),
);

/** Mongoose's own list; its types leave it out. */
const { reserved } = Schema as unknown as { reserved: object };

/** What the server holds of it: UTF-8 has no lone surrogates. */
const asStored = (one: string) => Buffer.from(one, 'utf8').toString('utf8');

describe(`values of any kind (seed ${String(SEED)})`, () => {
  let model: AnyModel;
  beforeAll(async () => {
    const schema = new Schema({
      key: { type: String, unique: true },
      // Where a confused reader would put the blame.
      admin: { type: String, unique: true, sparse: true },
    });
    model = await compile(schema, { message: '<{VALUE}>' });
  });

  it.each(WRITES)(
    '$name',
    async (write) => {
      await fc.assert(
        fc.asyncProperty(value, async (key) => {
          await model.collection.deleteMany();
          const { insertedIds } = await model.collection.insertMany([{ key }, { key: 'free' }]);
          const fields = write.writes === 'new' ? { _id: new Types.ObjectId(), key } : { key };
          const error = (await rejection(
            write.run(model, fields, insertedIds[1]),
          )) as UniqueValidationError;
          expect(Object.keys(error.errors)).toEqual(['key']);
          const { key: one } = error.errors;
          expect([key, asStored(key)]).toContain(one?.value);
          expect(one?.message).toBe(`<${String(one?.value)}>`);
          expect(one?.properties.index).toBe('key_1');
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    60_000,
  );
});

describe(`names of any kind (seed ${String(SEED)})`, () => {
  const name = fc
    .array(fc.oneof(awkward, fc.string({ maxLength: 5 })), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('').replaceAll('\0', ''))
    .filter((one) => one !== '' && one !== '*' && one !== '_id_' && one.length < 100);
  // What Mongoose and the server take for a path of one step.
  const path = name
    .map((one) => one.replace(/[.$\n\t]/g, ''))
    .filter(
      (one) =>
        one !== '' && !['_id', '__v', 'id'].includes(one) && !(one in reserved) && !(one in {}),
    );

  it('an error has the path of the violated index, in single and bulk writes', async () => {
    await fc.assert(
      fc.asyncProperty(path, name, name, text, async (field, indexName, otherName, key) => {
        fc.pre(indexName !== otherName && field !== 'other');
        const schema = new Schema({ [field]: String, other: String });
        schema.index({ [field]: 1 }, { unique: true, name: indexName });
        schema.index({ other: 1 }, { unique: true, name: otherName, sparse: true });
        const model = await compile(schema);
        try {
          await model.collection.insertOne({ [field]: key });
          for (const write of [
            () => model.create({ [field]: key }),
            () => model.insertMany([{ [field]: key }]),
          ]) {
            const { errors } = (await rejection(write())) as UniqueValidationError;
            expect(Object.keys(errors)).toEqual([field]);
            expect(errors[field]).toMatchObject({
              path: field,
              value: key,
              properties: { index: indexName },
            });
          }
        } finally {
          await model.collection.drop();
          mongoose.deleteModel(model.modelName);
        }
      }),
      { numRuns: 6 * RUNS, seed: SEED },
    );
  }, 120_000);
});
