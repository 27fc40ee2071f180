/** Code that handled 11000 before the plugin came: what it reads, and what it put on the error. */
import { inspect } from 'node:util';
import express, { type ErrorRequestHandler } from 'express';
import { Schema } from 'mongoose';
import request from 'supertest';
import {
  isDuplicateKeyError,
  toValidationError,
  uniqueGuard,
  type UniqueGuardOptions,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const schema = () =>
  new Schema({ email: { type: String, unique: true }, tenant: String, token: String });

/** The commonest handler on the web. */
const handler: ErrorRequestHandler = (
  error: { code?: number; keyValue: object; keyPattern: object },
  _request,
  response,
  next,
) => {
  if (error.code !== 11000) {
    next(error);
    return;
  }
  const [field] = Object.keys(error.keyValue);
  const [indexed] = Object.keys(error.keyPattern);
  response.status(409).json({ field, indexed, values: error.keyValue });
};

describe('a handler that reads keyPattern and keyValue', () => {
  it.each<[string, UniqueGuardOptions, object]>([
    ['answers as it did before', {}, { email: 'a@x' }],
    ['gets the path, but no value that is hidden', { hideValues: ['email'] }, {}],
  ])('%s', async (_, options, values) => {
    const model = await compile(schema(), options);
    await model.create({ email: 'a@x' });
    const app = express().post('/', () => model.create({ email: 'a@x' }) as Promise<never>);
    const { status, body } = await request(app.use(handler)).post('/');
    expect(status).toBe(409);
    expect(body).toEqual({ field: 'email', indexed: 'email', values });
  });

  it('has the key of each row of many, which the driver does not say', async () => {
    const model = await compile(schema().index({ tenant: 1, token: -1 }, { unique: true }));
    await model.create({ email: 'a@x', tenant: 't', token: 's' });
    const rows = [
      { email: 'a@x', token: '1' },
      { email: 'b@x', tenant: 't', token: 's' },
    ];
    const expected = [
      { keyPattern: { email: 1 }, keyValue: { email: 'a@x' } },
      { keyPattern: { tenant: 1, token: -1 }, keyValue: { tenant: 't', token: 's' } },
    ];
    for (const write of [
      model.insertMany(rows, { ordered: false }),
      model.bulkWrite(rows.map((document) => ({ insertOne: { document } })) as never, {
        ordered: false,
      }),
    ]) {
      const error = (await rejection(write)) as UniqueValidationError;
      expect(error).toMatchObject({ ...expected[0], validationErrors: expected });
    }
    const checked = await model.checkUnique({ ...rows[1], email: 'a@x' });
    expect(Object.keys(checked?.errors ?? {})).toEqual(['email', 'tenant', 'token']);
    expect(checked).toMatchObject(expected[0] ?? {});
  });

  it('finds nothing more in JSON and logs', async () => {
    const model = await compile(schema());
    await model.create({ email: 'a@x' });
    const error = await rejection(model.create({ email: 'a@x' }));
    expect(Object.keys(error as object).sort()).toEqual(['_message', 'errors']);
    expect(JSON.stringify(error)).not.toContain('keyValue');
    expect(inspect(error, { depth: 0 })).not.toContain('keyValue');
  });
});

describe('what an error hook put on the error before the plugin', () => {
  const isOwn = (error: object, name: string) => Object.hasOwn(error, name);

  it.each(WRITES.filter(({ shape }) => shape !== 'bulkWrite'))(
    '$name: is carried over',
    async (write) => {
      const ours = schema();
      for (const operation of [
        'save',
        'insertMany',
        'updateOne',
        'updateMany',
        'replaceOne',
        'findOneAndUpdate',
        'findOneAndReplace',
      ]) {
        ours.post(
          operation as 'save',
          ((error: Error, _: unknown, next: (error: Error) => void) => {
            next(Object.assign(error, { status: 409, expose: true, errors: 'theirs' }));
          }) as never,
        );
      }
      const model = await compile(ours as unknown as Schema);
      await model.create({ email: 'a@x' });
      const { _id } = await model.create({ email: 'b@x' });
      const newId = write.writes === 'new' && { _id: '64b000000000000000000001' };
      const error = (await rejection(write.run(model, { email: 'a@x', ...newId }, _id))) as object;
      expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
      expect(error).toMatchObject({ status: 409, expose: true, errors: { email: {} } });
      // What the driver and Mongoose put there stays on the cause, or is not enumerable.
      expect(Object.keys(error).sort()).toEqual(['_message', 'errors', 'expose', 'status']);
      expect(isOwn(error, 'errorResponse') || isOwn(error, 'ok')).toBe(false);
    },
  );

  it('is what Express answers with', async () => {
    const ours = schema();
    ours.post('save', (error: Error, _: unknown, next: (error: Error) => void) => {
      next(Object.assign(error, { statusCode: 409 }));
    });
    const model = await compile(ours as unknown as Schema);
    await model.create({ email: 'a@x' });
    const app = express().set('env', 'test');
    app.post('/', () => model.create({ email: 'a@x' }) as Promise<never>);
    expect((await request(app).post('/')).status).toBe(409);
  });

  it('is found on what Mongoose makes of unique: [true, message], and on a wrapper of your own', async () => {
    const ours = new Schema({ email: { type: String, unique: [true, 'Taken'] } } as never);
    ours.post('save', (error: Error, _: unknown, next: (error: Error) => void) => {
      next(Object.assign(error, { status: 409 }));
    });
    const model = await compile(ours as unknown as Schema);
    await model.create({ email: 'a@x' });
    const error = await rejection(model.create({ email: 'a@x' }));
    expect(error).toMatchObject({ status: 409, errors: { email: { message: 'Taken' } } });
    const cause = await rejection(model.collection.insertOne({ email: 'a@x' }));
    const wrapper = Object.assign(new Error('x', { cause }), { status: 422 });
    expect(toValidationError(wrapper, model)).toMatchObject({ status: 422, errors: { email: {} } });
  });

  it('nothing of an answer of the server is taken for it', async () => {
    const model = await compile(schema());
    const message = `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name} index: email_1 dup key: { email: "a" }`;
    const raw = new mongoose.mongo.MongoServerError({ message, code: 11000, notYetKnown: 1 });
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(raw as never);
    expect(await rejection(model.create({ email: 'a' }))).not.toHaveProperty('notYetKnown');
    const row = { index: 0, code: 11000, errmsg: message, op: { email: 'a', token: 'secret' } };
    expect(Object.keys(toValidationError(row, model) as object).sort()).toEqual([
      '_message',
      'errors',
    ]);
  });
});

describe('with the connection option promoteValues: false', () => {
  const raw = useDatabase({ promoteValues: false });
  let model: AnyModel;
  beforeAll(async () => {
    const own = new Schema({ email: { type: String, unique: true }, n: { type: Number } });
    own.index({ n: -1 }, { unique: true, sparse: true }).plugin(uniqueGuard);
    // With these numbers Mongoose does not recognise the error of a collection that exists.
    own.set('autoCreate', false);
    model = raw.model('User', own as unknown as Schema) as unknown as AnyModel;
    await model.createCollection();
    await model.ensureIndexes();
    await model.collection.createIndexes([{ key: { tenant: -1 }, unique: true, sparse: true }]);
  });
  beforeEach(() => model.deleteMany());

  it.each(WRITES.filter(({ name }) => !name.includes('bulkSave')))(
    '$name: a duplicate is an error on its field',
    async ({ run, writes, shape }) => {
      await model.collection.insertOne({ email: 'a@x' });
      const { insertedId } = await model.collection.insertOne({ email: 'b@x' });
      const newId = writes === 'new' && { _id: '64b000000000000000000001' };
      const error = await rejection(run(model, { email: 'a@x', ...newId }, insertedId));
      expect(error).toMatchObject({
        errors: {
          email: { kind: 'unique', value: 'a@x', properties: { keyPattern: { email: 1 } } },
        },
        keyPattern: { email: 1 },
        keyValue: { email: 'a@x' },
      });
      if (shape === 'single') expect(error).toHaveProperty('code', 11000);
      expect(isDuplicateKeyError(error)).toBe(true);
    },
  );

  it('the pattern of an index that only the database has is one of numbers', async () => {
    await model.collection.insertOne({ email: 'a@x', tenant: 't' });
    const error = await rejection(model.collection.insertOne({ email: 'b@x', tenant: 't' }));
    expect(toValidationError(error, model)).toMatchObject({
      errors: { tenant: { properties: { keyPattern: { tenant: -1 } } } },
    });
  });

  it('a number is found among what was written', async () => {
    await model.create({ email: 'a@x', n: 7 });
    const { errors } = (await rejection(
      model.create({ email: 'b@x', n: 7 }),
    )) as UniqueValidationError;
    expect(errors['n']?.value).toBe(7);
  });
});
