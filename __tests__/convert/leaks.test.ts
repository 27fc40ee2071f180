import { inspect } from 'node:util';
import express from 'express';
import { Mongoose, Schema } from 'mongoose';
import request from 'supertest';
import {
  explainUniqueIndexError,
  isDuplicateKeyError,
  toValidationError,
  uniqueGuard,
  type UniqueGuardOptions,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase, withMongoose } from '../support/database';
import { rejection, WRITES, type AnyModel, type Doc } from '../support/writes';

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

describe('an error in a log or a response', () => {
  let model: AnyModel;
  beforeAll(async () => {
    model = await compile(schema());
  });

  it.each(WRITES)('$name: contains no other field, no operation and no host', async (write) => {
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
    for (const output of outputsOf(error, model)) expect(output).not.toContain('taken-token');
    for (const row of error.validationErrors ?? [])
      expect(inspect(row)).not.toContain('taken-token');
    if (write.shape === 'single')
      expect(error.cause).toMatchObject({ code: 11000, keyPattern: { token: 1 } });
  });
});

it('the value that the server found in the other document is hidden', async () => {
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

it("a cause with a hidden value is still an instance of the driver's error", async () => {
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

it('a path that hideValues does not list keeps its value', async () => {
  const model = await compile(schema(), { hideValues: ['password'] });
  const save = WRITES.find(({ name }) => name === 'create');
  if (!save) throw new Error('no such write');
  const error = await provoke(model, save);
  expect(error.errors).toHaveProperty('token.value', 'taken-token');
  expect(error).not.toHaveProperty('uniqueGuard');
});

describe('a name in the options that the schema does not have', () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  beforeEach(() => warn.mockClear());
  afterAll(() => {
    warn.mockRestore();
  });

  const provokeTwice = async (model: AnyModel) => {
    await model.create({ token: 'taken-token' });
    const errors = [];
    for (let time = 0; time < 2; time += 1) {
      errors.push(await rejection(model.create({ token: 'taken-token' })));
    }
    return errors as UniqueValidationError[];
  };

  it.each([
    [['toke'], '"toke"'],
    [['token', 'Password', 'a.b'], '"Password", "a.b"'],
  ])(
    'in hideValues hides all values, which error.uniqueGuard reports: %j',
    async (hideValues, names) => {
      const model = await compile(schema(), { hideValues });
      const reason =
        `uniqueGuard: options.hideValues has ${names}, which the schema of ${model.modelName} does not ` +
        'have, so all values are hidden. Write the path as the schema does.';
      for (const error of await provokeTwice(model)) {
        expect(inspect(error, { depth: null, showHidden: true })).not.toContain('taken-token');
        expect(error).toHaveProperty('uniqueGuard.reason', reason);
        expect(Object.keys(error)).not.toContain('uniqueGuard');
      }
      expect(warn.mock.calls).toEqual([[reason, { code: 'UNIQUE_GUARD_OPTIONS' }]]);
    },
  );

  it('in indexes is reported once', async () => {
    const model = await compile(schema(), { indexes: { token: { message: 'taken' } } });
    const [first, second] = await provokeTwice(model);
    const reason =
      `uniqueGuard: options.indexes has "token", but ${model.modelName} declares no unique index of that ` +
      'name. Its unique indexes are "_id_", "token_1".';
    expect(first).toHaveProperty('uniqueGuard.reason', reason);
    expect(second).not.toHaveProperty('uniqueGuard');
    expect(warn.mock.calls).toEqual([[reason, { code: 'UNIQUE_GUARD_OPTIONS' }]]);
  });

  it('is not reported if the schema has the path somewhere, or declares an index on it', async () => {
    const kind = new Schema({ kind: String }, { discriminatorKey: 'kind' });
    const all = schema().add({
      profile: { ssn: String, address: new Schema({ street: String }) },
      list: [kind],
      tags: [[String]],
      map: { type: Map, of: new Schema({ x: String }) },
      any: {},
    } as never);
    (
      all.path('list') as unknown as { discriminator(name: string, of: Schema): void }
    ).discriminator('A', new Schema({ secret: String }));
    all.index({ later: 1 }, { unique: true, sparse: true });
    const hideValues = ['profile', 'profile.ssn', 'profile.address.street', 'list.secret', '_id'];
    hideValues.push(
      'list.0.secret',
      'tags',
      'tags.0.1',
      'map.k.x',
      'map.$*.x',
      'any.thing',
      'later',
    );
    const model = await compile(all, { hideValues, indexes: { token_1: {}, _id_: {} } });
    for (const error of await provokeTwice(model)) {
      expect(error).toHaveProperty('errors.token.value', 'taken-token');
      expect(error).not.toHaveProperty('uniqueGuard');
    }
    expect(warn).not.toHaveBeenCalled();
  });

  it('is not reported for options of mongoose.plugin(), which apply to all schemas', () =>
    withMongoose(new Mongoose(), async (own) => {
      own.plugin(uniqueGuard, { hideValues: ['ssn'], indexes: { ssn_1: {} } });
      const model = own.model('User', schema()) as unknown as AnyModel;
      await model.init();
      for (const error of await provokeTwice(model)) {
        expect(error).toHaveProperty('errors.token.value', 'taken-token');
        expect(error).not.toHaveProperty('uniqueGuard');
      }
      expect(warn).not.toHaveBeenCalled();
    }));
});

describe('a path below or above a hidden one', () => {
  const nested = () => new Schema({ profile: { ssn: { type: String, unique: true } } });
  const kinds = (definition: object) => {
    const kind = new Schema({ kind: String }, { discriminatorKey: 'kind' });
    const all = new Schema({ list: [kind], one: kind }) as unknown as Schema;
    for (const path of ['list', 'one']) {
      (
        all.path(path) as unknown as { discriminator(name: string, of: Schema): void }
      ).discriminator('A', new Schema({ secret: definition } as never));
    }
    return all;
  };
  const inner = (definition: object) => new Schema({ x: definition } as never, { _id: false });
  const hidden = { type: String, select: false };
  const SECRET = 'sec-ret';

  const A = { kind: 'A', secret: SECRET };
  const cases: [string, Schema, Doc, Doc, UniqueGuardOptions][] = [
    [
      'of a nested object',
      nested() as never,
      {},
      { profile: { ssn: SECRET } },
      { hideValues: ['profile'] },
    ],
    [
      'of an array of subdocuments',
      new Schema({ c: [inner(String as never)] }) as never,
      { 'c.x': 1 },
      { c: [{ x: SECRET }] },
      { hideValues: ['c'] },
    ],
    [
      'of an array, with a position',
      new Schema({ c: [inner(String as never)] }) as never,
      { 'c.x': 1 },
      { c: [{ x: SECRET }] },
      { hideValues: ['c.0.x'] },
    ],
    [
      'of an index on the whole object',
      new Schema({ c: inner(String as never) }) as never,
      { c: 1 },
      { c: { x: SECRET } },
      { hideValues: ['c.x'] },
    ],
    [
      'of an index on the whole object, by select',
      new Schema({ c: inner(hidden) }) as never,
      { c: 1 },
      { c: { x: SECRET } },
      {},
    ],
    [
      'of an embedded discriminator in an array',
      kinds(hidden),
      { 'list.secret': 1 },
      { list: [A] },
      {},
    ],
    ['of an embedded discriminator', kinds(hidden), { 'one.secret': 1 }, { one: A }, {}],
    [
      'of a Map',
      new Schema({ m: { type: Map, of: String, select: false } }) as never,
      { 'm.k': 1 },
      { m: { k: SECRET } },
      {},
    ],
    [
      'of an array of arrays',
      new Schema({ a: [[hidden]] } as never) as never,
      { 'a.0': 1 },
      { a: [[SECRET]] },
      {},
    ],
    [
      'of an array of arrays of subdocuments',
      new Schema({ a: [[inner(hidden)]] } as never) as never,
      { 'a.0.x': 1 },
      { a: [[{ x: SECRET }]] },
      {},
    ],
  ];

  it.each(cases)('%s is hidden', async (_, ofModel, index, document, options) => {
    if (Object.keys(index).length > 0) ofModel.index(index as never, { unique: true });
    const model = await compile(ofModel, options);
    await model.create(document);
    for (const write of [
      () => model.create(document),
      () => model.insertMany([document]),
      () => model.bulkWrite([{ insertOne: { document } }]),
    ]) {
      const error = (await rejection(write())) as UniqueValidationError;
      expect(Object.values(error.errors)).toMatchObject([{ value: undefined }]);
      expect(outputsOf(error, model).join()).not.toContain(SECRET);
    }
    expect(JSON.stringify(await model.auditUniqueIndexes())).not.toContain(SECRET);
  });
});

/** Every way out of an error. */
function outputsOf(error: UniqueValidationError, model: AnyModel): string[] {
  const { cause, stack = '', message, errors } = error;
  const rows = error.validationErrors ?? [];
  const notes = [error, ...rows].map((one) => (one as unknown as Doc)['uniqueGuard']);
  return [
    message,
    stack,
    String(error),
    JSON.stringify(error),
    JSON.stringify({ ...error, cause, rows }),
    JSON.stringify(Object.values(errors).map(({ value, properties }) => [value, properties])),
    inspect(error),
    inspect(error, { depth: null }),
    inspect(cause, { depth: null }),
    inspect(rows, { depth: null }),
    inspect(structuredClone({ message, stack, cause: String(cause), notes })),
    inspect(structuredCloneOf(error), { depth: null }),
    String(explainUniqueIndexError(error, model)),
    inspect(notes),
  ];
}

/** What reaches a worker or another process; a bulk error has functions, which cannot be cloned. */
function structuredCloneOf(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch (failure) {
    return failure;
  }
}

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
