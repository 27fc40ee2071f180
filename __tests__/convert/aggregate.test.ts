import { Schema } from 'mongoose';
import { explainUniqueIndexError } from 'mongoose-unique-guard';
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

it('another error of an aggregation stays as it is', async () => {
  const [model] = await fill();
  const error = await rejection(model.aggregate([{ $unknown: 1 } as never]).exec());
  expect(error).not.toHaveProperty('uniqueGuard');
});
