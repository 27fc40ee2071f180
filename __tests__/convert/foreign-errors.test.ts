/** Errors that the server did not send, or that are about another collection, leave as the same object. */
import { Mongoose, Schema, Types } from 'mongoose';
import { toValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

class MongoServerError extends Error {
  override name = 'MongoServerError';
}

const key = { keyPattern: { email: 1 }, keyValue: { email: 'a@x' } };
const row = { index: 0, code: 11000, errmsg: 'refused', ...key };
const ERRORS: [string, () => object][] = [
  ['the code alone', () => Object.assign(new Error('the mail service refused'), { code: 11000 })],
  ['the code and a key', () => Object.assign(new Error('refused'), { code: 11000, ...key })],
  [
    'the name of the error of the driver',
    () => Object.assign(new MongoServerError('refused'), { code: 11000, ...key }),
  ],
  ['rows', () => Object.assign(new Error('refused'), { code: 11000, writeErrors: [row] })],
  ['an old code', () => Object.assign(new Error('refused'), { code: 11001 })],
  [
    'a cause with the code',
    () => new Error('x', { cause: Object.assign(new Error('refused'), { code: 11000 }) }),
  ],
  [
    "Mongoose's own error around one with the code",
    () => {
      const cause = Object.assign(new Error('refused'), { code: 11000, ...key });
      return Object.assign(new mongoose.Error('x'), { cause });
    },
  ],
  [
    'nothing that could be added to',
    () => Object.freeze(Object.assign(new Error('x'), { code: 11000 })),
  ],
];

type Phase = 'pre' | 'post';
const OPERATIONS = [
  'save',
  'insertMany',
  'bulkWrite',
  'updateOne',
  'updateMany',
  'replaceOne',
  'findOneAndUpdate',
  'findOneAndReplace',
];

let thrown: { phase: string; error: object } | undefined;

function throwing(phase: string) {
  return () => {
    if (thrown?.phase === phase) throw thrown.error as Error;
  };
}

async function compileThrowing(): Promise<AnyModel> {
  // With one unique index besides _id, a server that names no index can mean no other.
  const schema = new Schema({ email: { type: String, unique: true }, name: String });
  for (const operation of OPERATIONS) {
    schema.pre(operation as 'save', throwing('pre'));
    schema.post(operation as 'save', throwing('post'));
  }
  schema.pre('validate', throwing('pre validate'));
  schema.post('validate', throwing('post validate'));
  return compile(schema as unknown as Schema);
}

describe.each(ERRORS)("an error of the user's middleware is not converted: %s", (_, make) => {
  let model: AnyModel;
  beforeAll(async () => {
    model = await compileThrowing();
  });
  beforeEach(() => model.deleteMany());
  afterEach(() => {
    thrown = undefined;
  });

  const validating = WRITES.filter(({ name }) =>
    ['save of a new document', 'create'].includes(name),
  );
  const cases = [
    ...WRITES.flatMap((write) =>
      (['pre', 'post'] as Phase[]).map((phase) => ({ phase, ...write })),
    ),
    ...validating.flatMap((write) =>
      ['pre validate', 'post validate'].map((phase) => ({ ...write, phase })),
    ),
  ];

  it.each(cases)('$phase middleware of $name', async ({ phase, run, writes }) => {
    const { insertedId } = await model.collection.insertOne({ email: 'b@x' });
    const error = make();
    const before = Object.getOwnPropertyDescriptors(error);
    const newId = writes === 'new' && { _id: new Types.ObjectId() };
    thrown = { phase, error };
    expect(await rejection(run(model, { email: 'a@x', ...newId }, insertedId))).toBe(error);
    expect(Object.getOwnPropertyDescriptors(error)).toEqual(before);
  });
});

describe('toValidationError, called with a foreign error', () => {
  it('converts an error of another source only if it identifies the index', async () => {
    const model = await compile(new Schema({ email: { type: String, unique: true } }));
    const named = Object.assign(new Error('refused'), { code: 11000, ...key });
    expect(toValidationError(named, model)).toMatchObject({ errors: { email: { value: 'a@x' } } });
    const bare = Object.assign(new Error('refused'), { code: 11000 });
    expect(toValidationError(bare, model)).toBe(bare);
    // Without a unique index of its own, a model has one on _id alone.
    const plain = await compile(new Schema({ email: String }));
    expect(toValidationError(bare, plain)).toBe(bare);
  });
});

describe('a write of middleware to a collection of the same name in another database', () => {
  const setUp = async (isUnique: boolean) => {
    const schema = new Schema({ email: { type: String, unique: isUnique }, name: String });
    const name = `tenant_${String(new Types.ObjectId())}`;
    const tenant = mongoose.connection.useDb(name, { useCache: true });
    schema.pre('save', async function () {
      await tenant
        .collection(this.collection.collectionName)
        .insertOne({ email: this.get('email') });
    });
    const model = await compile(schema as unknown as Schema);
    const copy = tenant.collection(model.collection.name);
    await copy.createIndexes([{ key: { email: 1 }, unique: true, name: 'email_1' }]);
    await copy.insertOne({ email: 'a@x' });
    return { model, drop: () => tenant.dropDatabase() };
  };

  it.each([true, false])('is not converted, with the index declared: %s', async (isUnique) => {
    const { model, drop } = await setUp(isUnique);
    try {
      const error = await rejection(model.create({ email: 'a@x' }));
      expect(error).toMatchObject({ name: 'MongoServerError', code: 11000 });
      expect(error).toHaveProperty(
        'uniqueGuard.reason',
        expect.stringContaining(`not ${model.db.name}.${model.collection.name}`),
      );
    } finally {
      await drop();
    }
  });

  it.each<[string, (name: string) => string, boolean]>([
    ['the same', (name) => name, true],
    ['its own behind the prefix of an Atlas shared tier', (name) => `5f0c1a2b_${name}`, true],
    ['another that begins like it', (name) => `${name}_2`, false],
  ])('the name of the database is %s', async (_, toName, isOwn) => {
    const model = await compile(new Schema({ email: { type: String, unique: true } }));
    const namespace = `${toName(model.db.name)}.${model.collection.name}`;
    const message = `E11000 duplicate key error collection: ${namespace} index: email_1 dup key: { email: "a@x" }`;
    const raw = new mongoose.mongo.MongoServerError({ message, code: 11000 });
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(raw as never);
    const error = await rejection(model.create({ email: 'a@x' }));
    expect(error !== raw).toBe(isOwn);
  });

  it('a model whose connection was never opened has no name to compare', () => {
    const schema = new Schema({ email: { type: String, unique: true } }).plugin(uniqueGuard);
    const model = new Mongoose().model('User', schema as unknown as Schema);
    const message =
      'E11000 duplicate key error collection: app.users index: email_1 dup key: { email: "a@x" }';
    expect(toValidationError({ code: 11000, message, ...key }, model)).toMatchObject({
      errors: { email: { kind: 'unique', value: undefined } },
    });
  });
});
