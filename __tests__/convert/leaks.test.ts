import { inspect } from 'node:util';
import express from 'express';
import { Schema } from 'mongoose';
import request from 'supertest';
import {
  isDuplicateKeyError,
  toValidationError,
  type UniqueGuardOptions,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const schema = () =>
  new Schema({
    token: { type: String, unique: true },
    password: String,
    // What another document holds must not come out either.
    note: String,
  });

const TAKEN = { token: 'taken-token', password: 'other-password', note: 'other-note' };
const FIELDS = { _id: '64b000000000000000000001', token: 'taken-token', password: 'my-password' };

async function provoke(model: AnyModel, write: (typeof WRITES)[number]) {
  await model.deleteMany();
  await model.create(TAKEN);
  const { _id } = await model.create({ token: 'free' });
  const { _id: newId, ...fields } = FIELDS;
  const written = write.writes === 'new' ? { _id: newId, ...fields } : fields;
  return rejection(write.run(model, written, _id)) as Promise<UniqueValidationError>;
}

/** What Express answers to `response.json(error)`. */
async function sent(error: unknown): Promise<string> {
  const app = express().get('/', (_request, response) => {
    response.json(error);
  });
  return (await request(app).get('/')).text;
}

describe('an error that goes to a log or a browser', () => {
  let model: AnyModel;
  beforeAll(async () => {
    model = await compile(schema());
  });

  it.each(WRITES)('$name: holds no other field, no operation, no host', async (write) => {
    const error = await provoke(model, write);
    const outputs = [JSON.stringify(error), await sent(error), inspect(error, { depth: 0 })];
    for (const output of outputs) {
      expect(output).not.toMatch(/password|note|"op"|foundValue|127\.0\.0\.1|mongodb:/);
    }
    expect(outputs[0]).toContain('taken-token');
    // What console.log(error) prints, the cause and its rows included.
    expect(inspect(error, { depth: null })).not.toMatch(/-password/);
    // Loggers that walk the properties by themselves.
    expect(JSON.stringify({ ...error, cause: error.cause, rows: error.writeErrors })).not.toMatch(
      /-password/,
    );
  });
});

describe.each<[string, () => Schema, UniqueGuardOptions]>([
  ['hideValues: true', schema, { hideValues: true }],
  ['hideValues with the path', schema, { hideValues: ['token'] }],
  [
    'select: false',
    () =>
      new Schema({
        token: { type: String, unique: true, select: false },
        password: String,
        note: String,
      }),
    {},
  ],
])('%s', (_, makeSchema, options) => {
  let model: AnyModel;
  beforeAll(async () => {
    model = await compile(makeSchema(), { ...options, message: '{PATH} <{VALUE}> taken' });
  });

  it.each(WRITES)('$name: keeps the value out of the error and its cause', async (write) => {
    const error = await provoke(model, write);
    const { token } = error.errors;
    expect(token).toMatchObject({ kind: 'unique', message: 'token <> taken', value: undefined });
    for (const output of [
      JSON.stringify(error),
      JSON.stringify({ ...error, rows: error.writeErrors }),
      inspect(error, { depth: null }),
      inspect(error.cause),
    ]) {
      expect(output).not.toContain('taken-token');
    }
    expect(JSON.stringify(error)).not.toContain('taken-token');
    expect(String(error)).not.toContain('taken-token');
    for (const row of error.validationErrors ?? [])
      expect(inspect(row)).not.toContain('taken-token');
    if (write.shape === 'single')
      expect(error.cause).toMatchObject({ code: 11000, keyPattern: { token: 1 } });
  });
});

it('what the server found in the other document stays out', async () => {
  const model = await compile(schema());
  const text = `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name} index: token_1 dup key: { token: "x" }`;
  for (const found of [{ foundValue: { note: 'other-note' } }, {}]) {
    const message = 'foundValue' in found ? text : `${text} found value: { note: "other-note" }`;
    const raw = Object.assign(new Error(message), { code: 11000, ...found });
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(raw as never);
    const error = await rejection(model.create({ token: 'x' }));
    expect(error).toHaveProperty('errors.token.value', 'x');
    for (const output of [JSON.stringify(error), await sent(error), inspect(error, { depth: 5 })]) {
      expect(output).not.toContain('other-note');
    }
  }
});

it('a cause whose value is hidden is still an error of the driver', async () => {
  const model = await compile(schema(), { hideValues: true });
  for (const name of ['create', 'insertMany']) {
    const write = WRITES.find((one) => one.name === name);
    if (!write) throw new Error('no such write');
    const { cause } = await provoke(model, write);
    expect(cause).toBeInstanceOf(mongoose.mongo.MongoServerError);
    expect(cause).toHaveProperty('errorLabels', []);
    expect(isDuplicateKeyError(cause)).toBe(true);
  }
});

it.each(['with a stack', 'without a stack'])(
  'a bulk error that is not made by the driver, %s, keeps the value out too',
  async (stack) => {
    const model = await compile(schema(), { hideValues: true });
    const errmsg = `E11000 duplicate key error collection: ${model.db.name}.${model.collection.name} index: token_1 dup key: { token: "taken-token" }`;
    const op = { token: 'taken-token' };
    const raw = Object.assign(new Error(errmsg), {
      name: 'MongoBulkWriteError',
      code: 11000,
      writeErrors: [{ err: { index: 0, code: 11000, errmsg, op }, index: 0 }],
    });
    if (stack === 'without a stack') delete raw.stack;
    jest.spyOn(model.collection, 'bulkWrite').mockRejectedValueOnce(raw as never);
    const error = await rejection(model.bulkWrite([{ insertOne: { document: op } }]));
    expect(error).toBe(raw);
    expect(error).toMatchObject({ errors: { token: { kind: 'unique', value: undefined } } });
    expect(raw.stack).toContain('MongoBulkWriteError: E11000');
    for (const output of [JSON.stringify(error), inspect(error, { depth: null }), raw.stack]) {
      expect(output).not.toContain('taken-token');
    }
  },
);

it('a path that is not named keeps its value', async () => {
  const model = await compile(schema(), { hideValues: ['password', 'toke'] });
  const save = WRITES.find(({ name }) => name === 'create');
  if (!save) throw new Error('no such write');
  expect((await provoke(model, save)).errors).toHaveProperty('token.value', 'taken-token');
});

it('__proto__ never becomes a key of errors', async () => {
  const path = { indexes: { token_1: { path: '__proto__' } } };
  await expect(compile(schema(), path)).rejects.toThrow(
    'options.indexes["token_1"].path is "__proto__"',
  );
  const model = await compile(schema());
  const raw = JSON.parse(
    '{"code":11000,"message":"E11000 duplicate key error","keyPattern":{"__proto__":1},"keyValue":{"__proto__":1}}',
  ) as object;
  expect(toValidationError(raw, model)).toBe(raw);

  const byProto = schema();
  const keyPattern: Record<string, unknown> = { note: 1 };
  byProto.index(keyPattern as never, { unique: true, name: 'proto' });
  const asked = await compile(byProto);
  // Past Mongoose, which takes it for an alias.
  delete keyPattern['note'];
  Object.defineProperty(keyPattern, '__proto__', { value: 1, enumerable: true });
  await asked.collection.insertOne({ token: 'other', note: 'other' });
  expect(await asked.checkUnique({ token: 'free' } as never)).toBeNull();
  expect(({} as Record<string, unknown>)['kind']).toBeUndefined();
});
