import { Schema } from 'mongoose';
import { explainUniqueIndexError, toValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

async function fill(): Promise<[AnyModel, AnyModel]> {
  const schema = () => new Schema({ email: { type: String, unique: true } }) as unknown as Schema;
  const [model, other] = [await compile(schema()), await compile(schema())];
  for (const one of [model, other]) await one.create({ email: 'a@x' });
  return [model, other];
}

const asNew = { $project: { _id: { $literal: 'new' }, email: 1 } };

it("a duplicate of $merge in the model's own collection becomes a ValidationError", async () => {
  const [model] = await fill();
  const error = await rejection(
    model.aggregate([asNew, { $merge: { into: model.collection.name } }]).exec(),
  );
  expect(error).toMatchObject({
    name: 'ValidationError',
    errors: { email: { kind: 'unique', path: 'email' } },
  });
  expect(explainUniqueIndexError(error)).toContain('the same value of `email`.');
});

it('a duplicate of $merge in another collection stays as it is', async () => {
  const [model, other] = await fill();
  const error = await rejection(
    model.aggregate([asNew, { $merge: { into: other.collection.name } }]).exec(),
  );
  expect(error).toHaveProperty('name', 'MongoServerError');
  expect(error).toHaveProperty(
    'uniqueGuard.reason',
    expect.stringMatching(/^The error is about the collection /),
  );
});

/** Two documents with one email, into the place that `to` names. */
const twice = (to: unknown) => [
  { $project: { copy: [1, 2], email: 1 } },
  { $unwind: '$copy' },
  { $project: { _id: '$copy', email: 1 } },
  { $out: to },
];

it.each<[string, (model: AnyModel) => unknown]>([
  ['by its name', ({ collection }) => collection.name],
  ['by its name and database', ({ collection, db }) => ({ db: db.name, coll: collection.name })],
])("a duplicate of $out in the model's own collection, given %s, becomes one", async (_, to) => {
  const [model] = await fill();
  const error = await rejection(model.aggregate(twice(to(model)) as never[]).exec());
  expect(error).toMatchObject({
    name: 'ValidationError',
    errors: { email: { kind: 'unique', path: 'email', value: 'a@x' } },
  });
  expect(explainUniqueIndexError(error)).toContain('the same value of `email`.');
  // The server replaces the collection only when all went well.
  expect(await model.find().lean()).toMatchObject([{ email: 'a@x' }]);
});

it.each<[string, (model: AnyModel, other: AnyModel) => unknown]>([
  ['another collection', (_, other) => other.collection.name],
  ['another collection', (_, { collection, db }) => ({ db: db.name, coll: collection.name })],
])('a duplicate of $out in %s stays as it is', async (_, to) => {
  const [model, other] = await fill();
  const error = await rejection(model.aggregate(twice(to(model, other)) as never[]).exec());
  expect(error).toMatchObject({ name: 'MongoServerError', code: 11000 });
  expect(error).toHaveProperty(
    'uniqueGuard.reason',
    expect.stringMatching(/^The error is about the collection .*tmp\.agg_out\./),
  );
});

it('a duplicate of $out in a collection of that name in another database stays as it is', async () => {
  const [model] = await fill();
  const db = `${model.db.name}_other`;
  const coll = model.collection.name;
  const there = model.db.useDb(db).collection(coll);
  await there.createIndexes([{ key: { email: 1 }, unique: true }]);
  const error = await rejection(model.aggregate(twice({ db, coll }) as never[]).exec());
  await model.db.useDb(db).dropDatabase();
  expect(error).toMatchObject({ name: 'MongoServerError', code: 11000 });
});

it('a duplicate of $out that no middleware has seen stays as it is: it names a temporary collection', async () => {
  const [model] = await fill();
  const cursor = model.collection.aggregate(twice(model.collection.name));
  const error = await rejection(cursor.toArray());
  expect(explainUniqueIndexError(error, model)).toBeUndefined();
  expect(toValidationError(error, model)).toBe(error);
  expect(error).not.toHaveProperty('errors');
});

it('another error of an aggregation stays as it is', async () => {
  const [model] = await fill();
  const error = await rejection(model.aggregate([{ $unknown: 1 } as never]).exec());
  expect(error).not.toHaveProperty('uniqueGuard');
});
