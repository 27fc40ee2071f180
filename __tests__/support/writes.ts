import type { Model } from 'mongoose';

// The tables drive models of every shape through every write, so their documents are records.
export type Doc = Record<string, unknown>;
// Mongoose's own generics need `any` for "a model of anything".
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyModel = Model<any>;

export interface WriteCase {
  name: string;
  /** The driver method that it ends in, for stubbing. */
  driver:
    | 'insertOne'
    | 'insertMany'
    | 'updateOne'
    | 'updateMany'
    | 'replaceOne'
    | 'findOneAndUpdate'
    | 'findOneAndReplace'
    | 'bulkWrite';
  /** Does it write a new document, or change the one with `existingId`? */
  writes: 'new' | 'existing';
  /** What the caller gets: a ValidationError, that with rows, or the decorated bulk error. */
  shape: 'single' | 'rows' | 'bulkWrite';
  run: (model: AnyModel, fields: Doc, existingId: unknown) => Promise<unknown>;
}

const upsert = { upsert: true } as const;

/** Every write of the documentation, once for a new document and once for one that exists. */
export const WRITES: WriteCase[] = [
  {
    name: 'save of a new document',
    driver: 'insertOne',
    writes: 'new',
    shape: 'single',
    run: (M, fields) => new M(fields).save(),
  },
  {
    name: 'create',
    driver: 'insertOne',
    writes: 'new',
    shape: 'single',
    run: (M, fields) => M.create(fields),
  },
  {
    name: 'insertOne',
    driver: 'insertOne',
    writes: 'new',
    shape: 'single',
    run: (M, fields) => M.insertOne(fields),
  },
  {
    name: 'insertMany',
    driver: 'insertMany',
    writes: 'new',
    shape: 'rows',
    run: (M, fields) => M.insertMany([fields]),
  },
  {
    name: 'insertMany, unordered',
    driver: 'insertMany',
    writes: 'new',
    shape: 'rows',
    run: (M, fields) => M.insertMany([fields], { ordered: false }),
  },
  {
    name: 'insertMany, lean',
    driver: 'insertMany',
    writes: 'new',
    shape: 'rows',
    run: (M, fields) =>
      M.insertMany([new M(fields).toObject({ depopulate: true })], { lean: true }),
  },
  {
    name: 'bulkWrite insertOne',
    driver: 'bulkWrite',
    writes: 'new',
    shape: 'bulkWrite',
    run: (M, document) => M.bulkWrite([{ insertOne: { document } }]),
  },
  {
    name: 'bulkSave of a new document',
    driver: 'bulkWrite',
    writes: 'new',
    shape: 'bulkWrite',
    run: (M, fields) => M.bulkSave([new M(fields)]),
  },
  {
    name: 'findOneAndUpdate that upserts',
    driver: 'findOneAndUpdate',
    writes: 'new',
    shape: 'single',
    run: (M, { _id, ...fields }) => M.findOneAndUpdate({ _id }, { $set: fields }, upsert),
  },
  {
    name: 'findOneAndUpdate that sets on insert',
    driver: 'findOneAndUpdate',
    writes: 'new',
    shape: 'single',
    run: (M, { _id, ...fields }) => M.findOneAndUpdate({ _id }, { $setOnInsert: fields }, upsert),
  },
  {
    name: 'updateOne that upserts',
    driver: 'updateOne',
    writes: 'new',
    shape: 'single',
    run: (M, { _id, ...fields }) => M.updateOne({ _id }, fields, upsert),
  },
  {
    name: 'replaceOne that upserts',
    driver: 'replaceOne',
    writes: 'new',
    shape: 'single',
    run: (M, { _id, ...fields }) => M.replaceOne({ _id }, fields, upsert),
  },
  {
    name: 'bulkWrite updateOne that upserts',
    driver: 'bulkWrite',
    writes: 'new',
    shape: 'bulkWrite',
    run: (M, { _id, ...fields }) =>
      M.bulkWrite([
        { updateOne: { filter: { _id }, update: { $setOnInsert: fields }, upsert: true } },
      ]),
  },

  {
    name: 'save of a changed document',
    driver: 'updateOne',
    writes: 'existing',
    shape: 'single',
    run: async (M, fields, _id) =>
      ((await M.findById(_id)) as InstanceType<AnyModel>).set(fields).save(),
  },
  {
    name: 'findOneAndUpdate',
    driver: 'findOneAndUpdate',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.findOneAndUpdate({ _id }, fields),
  },
  {
    name: 'findByIdAndUpdate',
    driver: 'findOneAndUpdate',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.findByIdAndUpdate(_id, { $set: fields }),
  },
  {
    name: 'findOneAndReplace',
    driver: 'findOneAndReplace',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.findOneAndReplace({ _id }, fields),
  },
  {
    name: 'updateOne',
    driver: 'updateOne',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.updateOne({ _id }, fields),
  },
  {
    name: 'document.updateOne',
    driver: 'updateOne',
    writes: 'existing',
    shape: 'single',
    run: async (M, fields, _id) =>
      ((await M.findById(_id)) as InstanceType<AnyModel>).updateOne(fields),
  },
  {
    name: 'updateMany',
    driver: 'updateMany',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.updateMany({ _id }, { $set: fields }),
  },
  {
    name: 'replaceOne',
    driver: 'replaceOne',
    writes: 'existing',
    shape: 'single',
    run: (M, fields, _id) => M.replaceOne({ _id }, fields),
  },
  {
    name: 'bulkWrite updateOne',
    driver: 'bulkWrite',
    writes: 'existing',
    shape: 'bulkWrite',
    run: (M, update, _id) =>
      M.bulkWrite([{ updateOne: { filter: { _id }, update: { $set: update } } }]),
  },
  {
    name: 'bulkWrite updateMany',
    driver: 'bulkWrite',
    writes: 'existing',
    shape: 'bulkWrite',
    run: (M, update, _id) =>
      M.bulkWrite([{ updateMany: { filter: { _id }, update: { $set: update } } }]),
  },
  {
    name: 'bulkWrite replaceOne',
    driver: 'bulkWrite',
    writes: 'existing',
    shape: 'bulkWrite',
    run: (M, replacement, _id) => M.bulkWrite([{ replaceOne: { filter: { _id }, replacement } }]),
  },
  {
    name: 'bulkSave of a changed document',
    driver: 'bulkWrite',
    writes: 'existing',
    shape: 'bulkWrite',
    run: async (M, fields, _id) =>
      M.bulkSave([((await M.findById(_id)) as InstanceType<AnyModel>).set(fields)]),
  },
];

/** The error that `write` rejects with; fails the test where it does not reject. */
export async function rejection(write: Promise<unknown>): Promise<unknown> {
  const outcome = await write.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`expected a rejection, got ${String(outcome.value)}`);
  return outcome.error;
}
