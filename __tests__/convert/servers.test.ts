import { Schema } from 'mongoose';
import {
  isUniqueValidationError,
  toValidationError,
  uniqueGuard,
  type UniqueGuardNote,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

/** Servers that send neither keyPattern nor keyValue, by what their message says of the index. */
const namesIt = (name: string) =>
  `Duplicate key violation on the requested collection: Index '${name}'`;
const SILENT = [
  [
    'Azure Cosmos DB, RU',
    (model: AnyModel) =>
      `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name}. Failed _id or unique index constraint.`,
  ],
  [
    'FerretDB 1',
    (model: AnyModel) =>
      `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name}`,
  ],
  ['DocumentDB', () => 'Duplicate key violation on the requested collection.'],
] as const;

/** The driver's error for a write, as such a server makes it. */
function stub(model: AnyModel, method: string, message: string): Error {
  const error = Object.assign(new Error(message), { name: 'MongoServerError', code: 11000 });
  jest.spyOn(model.collection, method as never).mockRejectedValueOnce(error as never);
  return error;
}

const both = () =>
  new Schema({
    email: { type: String, unique: true },
    username: { type: String, unique: true },
    n: Number,
  });
const one = () => new Schema({ email: { type: String, unique: true }, n: Number });

describe('a server that names the index', () => {
  it('gives the error of that index', async () => {
    const model = await compile(both());
    stub(model, 'insertOne', namesIt('username_1'));
    const error = await rejection(model.create({ email: 'a', username: 'b' }));
    expect(error).toMatchObject({ errors: { username: { kind: 'unique', value: 'b' } } });
  });

  it('is left as it is where no such index is declared: a note says what to declare', async () => {
    const notes: [unknown, UniqueGuardNote][] = [];
    const model = await compile(one(), { onUnexplained: (...call) => notes.push(call) });
    const error = stub(model, 'insertOne', namesIt('other_1'));
    expect(await rejection(model.create({ email: 'a' }))).toBe(error);
    const reason = expect.stringContaining(
      'names the index other_1, which the schema of ' +
        model.modelName +
        ' does not declare. Declare it: schema.index(',
    ) as string;
    expect(error).toHaveProperty('uniqueGuard', { reason });
    expect(Object.keys(error)).not.toContain('uniqueGuard');
    expect(notes).toEqual([[error, { reason }]]);
  });
});

describe.each(SILENT)('%s, which names no index', (_, text) => {
  it('an insert: the only unique index is the one', async () => {
    const model = await compile(one());
    stub(model, 'insertOne', text(model));
    const error = await rejection(model.create({ email: 'a' }));
    expect(error).toMatchObject({
      errors: { email: { kind: 'unique', value: 'a', properties: { index: 'email_1' } } },
    });
  });

  it('an error that toValidationError is given alone could be of any index, _id included', async () => {
    const model = await compile(one());
    const error = stub(model, 'insertOne', text(model));
    await rejection(model.collection.insertOne({ email: 'a' }));
    expect(toValidationError(error, model)).toBe(error);
  });

  it('an insert that could violate two indexes keeps its error, with a note', async () => {
    const model = await compile(both());
    const error = stub(model, 'insertOne', text(model));
    expect(await rejection(model.create({ email: 'a', username: 'b' }))).toBe(error);
    expect(error).toHaveProperty(
      'uniqueGuard.reason',
      expect.stringContaining('does not say which index'),
    );
  });

  it('an insert with an _id of its own could violate that too', async () => {
    const model = await compile(one());
    const error = stub(model, 'insertOne', text(model));
    const write = model.create({ _id: '507f1f77bcf86cd799439011', email: 'a' });
    expect(await rejection(write)).toBe(error);
  });

  it('a sparse index of which the document holds no path is not the one', async () => {
    const schema = new Schema({
      email: { type: String, unique: true },
      code: { type: String, unique: true, sparse: true },
    });
    const model = await compile(schema);
    stub(model, 'insertOne', text(model));
    expect(await rejection(model.create({ email: 'a' }))).toHaveProperty('errors.email.value', 'a');
    const error = stub(model, 'insertOne', text(model));
    expect(await rejection(model.create({ email: 'a', code: 'b' }))).toBe(error);
  });

  it.each(['updateOne', 'findOneAndUpdate'] as const)(
    '%s: the only one of whose paths it wrote any',
    async (method) => {
      const model = await compile(both());
      const write = (update: object): Promise<unknown> =>
        (model[method] as AnyModel['updateOne'])({ n: 1 }, update).exec();
      stub(model, method, text(model));
      const error = await rejection(write({ username: 'b', n: 2 }));
      expect(error).toMatchObject({ errors: { username: { kind: 'unique', value: 'b' } } });
      const raw = stub(model, method, text(model));
      expect(await rejection(write({ username: 'b', email: 'a' }))).toBe(raw);
    },
  );

  it('a bulk: each row by itself', async () => {
    const model = await compile(both());
    const op = (u: object) => ({ q: {}, u: { $set: u } });
    const row = (index: number, u: object) => ({
      err: { index, code: 11000, errmsg: text(model), op: op(u) },
      index,
    });
    const error = Object.assign(new Error(text(model)), {
      name: 'MongoBulkWriteError',
      code: 11000,
      writeErrors: [row(0, { email: 'a', username: 'b' }), row(1, { username: 'b' })],
    });
    jest.spyOn(model.collection, 'bulkWrite').mockRejectedValueOnce(error as never);
    const updates = [{ updateOne: { filter: {}, update: { n: 1 } } }];
    expect(await rejection(model.bulkWrite(updates))).toBe(error);
    expect(error).toHaveProperty('validationErrors.length', 1);
    expect(error).toMatchObject({ validationErrors: [{ index: 1, operation: 'updateOne' }] });
  });
});

it('a clustered collection, whose message has a key but no index, is left as it is', async () => {
  const model = await compile(one());
  const text = `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name} dup key: { _id: " index: email_1 dup key: {" }`;
  const error = stub(model, 'insertOne', text);
  expect(await rejection(model.create({ _id: '507f1f77bcf86cd799439011', email: 'a' }))).toBe(
    error,
  );
});

it('the plugin applied twice reports it once', async () => {
  const onUnexplained = jest.fn();
  const model = await compile(one().plugin(uniqueGuard, { onUnexplained }) as unknown as Schema);
  const error = stub(model, 'insertOne', namesIt('other_1'));
  expect(await rejection(model.create({ email: 'a' }))).toBe(error);
  expect(onUnexplained).toHaveBeenCalledTimes(1);
});

it('a row of a bulk that stays as it is while others are converted is reported, too', async () => {
  const notes: [unknown, UniqueGuardNote][] = [];
  const model = await compile(one(), { onUnexplained: (...call) => notes.push(call) });
  await model.collection.createIndexes([{ key: { n: 1 }, unique: true, sparse: true }]);
  await model.collection.insertMany([{ email: 'a' }, { email: 'b', n: 1 }]);
  const docs = [{ email: 'a' }, { email: 'c', n: 1 }];
  for (const write of [
    () => model.insertMany(docs, { ordered: false }),
    () =>
      model.bulkWrite(docs.map((document) => ({ insertOne: { document } })) as never, {
        ordered: false,
      }),
  ]) {
    notes.length = 0;
    const error = (await rejection(write())) as UniqueValidationError;
    expect(error.validationErrors).toHaveLength(1);
    expect(notes).toEqual([
      [
        error.writeErrors?.[1],
        { reason: expect.stringContaining('names the index n_1') as string },
      ],
    ]);
  }
});

it('an error that onUnexplained throws does not replace that of the write', async () => {
  const boom = new Error('boom');
  const model = await compile(one(), {
    onUnexplained: () => {
      throw boom;
    },
  });
  const error = stub(model, 'insertOne', namesIt('other_1'));
  expect(await rejection(model.create({ email: 'a' }))).toBe(error);
  expect(error).toHaveProperty('uniqueGuard.failure', boom);
  expect(isUniqueValidationError(error)).toBe(false);
});
