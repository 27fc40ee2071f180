import { Mongoose, Schema, Types } from 'mongoose';
import {
  explainUniqueIndexError,
  isDuplicateKeyError,
  isUniqueValidationError,
  toValidationError,
  uniqueGuard,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase, withMongoose } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const userSchema = () =>
  new Schema({
    email: { type: String, unique: true },
    username: { type: String, unique: true, sparse: true },
    name: String,
  });

/** The rejection of a write that must be one of ours. */
async function caught(write: Promise<unknown>): Promise<UniqueValidationError> {
  const error = await rejection(write);
  if (!isUniqueValidationError(error)) throw error;
  return error;
}

describe('the error of the README', () => {
  const text = (db: string) =>
    `E11000 duplicate key error collection: ${db}.users index: email_1 dup key: { email: "alice@example.com" }`;

  const provoke = async (own: Mongoose, schema: Schema) => {
    const User = own.model('User', schema);
    await User.init();
    await User.create({ email: 'alice@example.com' });
    return rejection(User.create({ email: 'alice@example.com', name: 'secret' }));
  };
  const schema = () => new Schema({ email: { type: String, unique: true }, name: String });

  it('without the plugin is the message of the server', () =>
    withMongoose(new Mongoose(), async (own) => {
      const error = await provoke(own, schema() as unknown as Schema);
      expect(String(error)).toBe(`MongoServerError: ${text(own.connection.name)}`);
    }));

  it('with the plugin is on its field, and its JSON holds no more than that', () =>
    withMongoose(new Mongoose(), async (own) => {
      const error = await provoke(own, schema().plugin(uniqueGuard) as unknown as Schema);
      const fieldError = {
        message: 'Path `email` must be unique.',
        path: 'email',
        value: 'alice@example.com',
      };
      expect(JSON.parse(JSON.stringify(error))).toEqual({
        name: 'ValidationError',
        _message: 'User validation failed',
        message: 'User validation failed: email: Path `email` must be unique.',
        errors: {
          email: {
            name: 'ValidatorError',
            kind: 'unique',
            ...fieldError,
            properties: {
              ...fieldError,
              type: 'unique',
              index: 'email_1',
              keyPattern: { email: 1 },
            },
          },
        },
      });
    }));
});

describe('the four ways a duplicate arises', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(userSchema());
  });
  beforeEach(async () => {
    await User.deleteMany();
    await User.create({ email: 'alice@x', username: 'alice' });
  });
  afterAll(async () => {
    const indexes = await User.collection.indexes();
    expect(indexes.map(({ name, unique }) => [name, unique])).toEqual([
      ['_id_', undefined],
      ['email_1', true],
      ['username_1', true],
    ]);
  });

  it('an insert of a value that exists', async () => {
    const { errors } = await caught(User.create({ email: 'alice@x' }));
    expect(errors).toHaveProperty('email.value', 'alice@x');
  });

  it('an update with upsert that would create a duplicate', async () => {
    const write = User.updateOne({ email: 'new@x' }, { username: 'alice' }, { upsert: true });
    expect((await caught(write)).errors).toHaveProperty('username.value', 'alice');
    expect(await User.countDocuments()).toBe(1);
  });

  it('50 inserts of one key at once: one wins, 49 get the error on the field', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        User.create({ email: 'race@x', username: new Types.ObjectId().toHexString() }),
      ),
    );
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(lost).toHaveLength(49);
    for (const { reason } of lost) {
      expect(reason).toBeInstanceOf(mongoose.Error.ValidationError);
      expect(Object.keys((reason as UniqueValidationError).errors)).toEqual(['email']);
    }
    expect(await User.countDocuments({ email: 'race@x' })).toBe(1);
  });

  it('one key twice in a transaction: it is aborted, its callback ran once', async () => {
    let runs = 0;
    const transaction = mongoose.connection.transaction(async (session) => {
      runs += 1;
      await User.create([{ email: 'twice@x', username: '1' }], { session });
      await User.create([{ email: 'twice@x', username: '2' }], { session });
    });
    expect((await caught(transaction)).errors).toHaveProperty('email.value', 'twice@x');
    expect(runs).toBe(1);
    expect(await User.countDocuments()).toBe(1);
  });
});

describe('code that catches 11000 and continues', () => {
  it('skips duplicates and throws the rest', async () => {
    const User = await compile(userSchema());
    const boom = new Error('boom');
    const createUnlessThere = async (email: string, before?: () => Promise<void>) => {
      try {
        await before?.();
        await User.create({ email, username: email });
      } catch (error) {
        if (!isDuplicateKeyError(error)) throw error;
      }
    };
    await createUnlessThere('a@x');
    await createUnlessThere('a@x');
    await expect(createUnlessThere('b@x', () => Promise.reject(boom))).rejects.toBe(boom);
    expect(await User.countDocuments()).toBe(1);
  });
});

describe('after a failed save', () => {
  it('the document is still new, and inserts once it is corrected', async () => {
    const User = await compile(userSchema());
    await User.create({ email: 'a@x', username: 'a' });
    const user = new User({ email: 'a@x', username: 'b' });
    await caught(user.save());
    expect(user.isNew).toBe(true);
    user.set('email', 'b@x');
    await user.save();
    expect(await User.countDocuments()).toBe(2);
  });
});

describe('insertMany', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(
      new Schema({
        email: { type: String, unique: true, required: true },
        password: String,
      }),
    );
  });
  beforeEach(async () => {
    await User.deleteMany();
    await User.create({ email: 'a@x' });
  });
  const emails = async () => (await User.find().sort('email')).map(({ email }: Doc) => email);

  it('unordered: the right rows are in, each refused row has its place and its errors', async () => {
    const rows = [
      { email: 'b@x' },
      { email: 'a@x', password: 'secret' },
      {},
      { email: 'c@x' },
      { email: 'b@x' },
    ];
    const error = await caught(User.insertMany(rows, { ordered: false }));
    expect(error).toHaveProperty('errors.email.value', 'a@x');
    expect(
      error.validationErrors?.map(({ index, errors }) => [index, errors['email']?.value]),
    ).toEqual([
      [1, 'a@x'],
      [4, 'b@x'],
    ]);
    expect(
      error.validationErrors?.every((one) => one instanceof mongoose.Error.ValidationError),
    ).toBe(true);
    expect(await emails()).toEqual(['a@x', 'b@x', 'c@x']);

    const { insertedDocs, results, writeErrors } = error as unknown as Record<string, Doc[]>;
    expect(insertedDocs?.map(({ email }) => email)).toEqual(['b@x', 'c@x']);
    expect(results?.map(({ email, name }) => email ?? name)).toEqual([
      'b@x',
      'ValidationError',
      'ValidationError',
      'c@x',
      'ValidationError',
    ]);
    expect(results?.[1]).toBe(error.validationErrors?.[0]);
    expect(writeErrors).toHaveLength(2);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error).sort()).toEqual(['_message', 'errors']);
  });

  it('ordered: stops at the first duplicate', async () => {
    const error = await caught(
      User.insertMany([{ email: 'b@x' }, { email: 'a@x' }, { email: 'c@x' }]),
    );
    expect(error.validationErrors?.map(({ index }) => index)).toEqual([1]);
    expect(await emails()).toEqual(['a@x', 'b@x']);
  });

  it('carries what rawResult adds', async () => {
    const rows = [{}, { email: 'a@x' }];
    const error = await caught(User.insertMany(rows, { ordered: false, rawResult: true }));
    expect(error).toHaveProperty('mongoose.validationErrors.length', 1);
    expect(error.validationErrors?.map(({ index }) => index)).toEqual([1]);
  });
});

describe('bulkWrite and bulkSave', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(
      new Schema({
        email: { type: String, unique: true },
        tenant: String,
        slug: String,
        n: Number,
      }).index({ tenant: 1, slug: 1 }, { unique: true, sparse: true }),
    );
  });
  beforeEach(async () => {
    await User.deleteMany();
    await User.create({ email: 'a@x', tenant: 't', slug: 'a', n: 1 });
  });

  it('bulkSave with one duplicate in the middle leaves isNew true for that document alone', async () => {
    const documents = ['b@x', 'a@x', 'c@x'].map((email) => new User({ email, tenant: email }));
    const error = await rejection(User.bulkSave(documents, { ordered: false }));
    expect(error).toMatchObject({
      name: 'MongoBulkWriteError',
      errors: { email: { value: 'a@x' } },
    });
    expect(documents.map(({ isNew }) => isNew)).toEqual([false, true, false]);
  });

  it('each refused operation has its place, also where validation refused one before', async () => {
    const error = (await rejection(
      User.bulkWrite(
        [
          { insertOne: { document: { email: 'x@x', tenant: 'x', n: 'no number' } } },
          { insertOne: { document: { email: 'b@x', tenant: 'b' } } },
          { insertOne: { document: { email: 'a@x', tenant: 'c' } } },
          { updateOne: { filter: { email: 'b@x' }, update: { email: 'a@x' } } },
          { replaceOne: { filter: { email: 'b@x' }, replacement: { email: 'a@x', tenant: 'd' } } },
        ] as never,
        { ordered: false },
      ),
    )) as UniqueValidationError;
    expect(error.name).toBe('MongoBulkWriteError');
    expect(
      error.validationErrors?.map(({ index, errors }) => [index, errors['email']?.value]),
    ).toEqual([
      [2, 'a@x'],
      [3, 'a@x'],
      [4, 'a@x'],
    ]);
  });

  it('has no value for the half of a compound key that the operation did not touch', async () => {
    const { _id } = await User.create({ email: 'b@x', tenant: 't', slug: 'b' });
    const update = { updateOne: { filter: { _id }, update: { slug: 'a' } } };
    const error = (await rejection(User.bulkWrite([update]))) as UniqueValidationError;
    expect(error.errors).toMatchObject({ tenant: { value: undefined }, slug: { value: 'a' } });
    // A single write's error has the server's keyValue.
    const { errors } = await caught(User.updateOne({ _id }, { slug: 'a' }));
    expect(errors).toMatchObject({ tenant: { value: 't' }, slug: { value: 'a' } });
  });

  it('JSON has no operation, so no other field of a document', async () => {
    const document = { email: 'a@x', tenant: 'secret', slug: 'z' };
    const error = await rejection(User.bulkWrite([{ insertOne: { document } }]));
    const json = JSON.stringify(error);
    expect(json).not.toContain('secret');
    expect(JSON.parse(json)).toMatchObject({
      name: 'MongoBulkWriteError',
      code: 11000,
      errors: { email: { kind: 'unique', value: 'a@x' } },
      writeErrors: [{ index: 0, code: 11000 }],
    });
  });
});

describe('values', () => {
  it('of an upsert come from its filter where the update does not have them', async () => {
    const schema = new Schema({ tenant: String, slug: String, n: { type: Number, unique: true } });
    const Page = await compile(schema.index({ tenant: 1, slug: 1 }, { unique: true }));
    await Page.create({ tenant: 't', slug: 's', n: 1 });
    for (const filter of [{ tenant: { $eq: 't' }, n: 2 }, { $and: [{ tenant: 't' }, { n: 2 }] }]) {
      const operation = { updateOne: { filter, update: { slug: 's' }, upsert: true } };
      const error = (await rejection(Page.bulkWrite([operation]))) as UniqueValidationError;
      expect(error.errors).toMatchObject({ tenant: { value: 't' }, slug: { value: 's' } });
    }
  });

  it('of a replacement that upserts come from its filter for the _id alone', async () => {
    const User = await compile(
      new Schema({ _id: String, email: { type: String, unique: true }, n: Number }),
    );
    await User.create([{ _id: 'x', email: 'a@x' }, { _id: 'y' }]);
    const replace = async (filter: Doc, replacement: Doc) => {
      const operation = { replaceOne: { filter, replacement, upsert: true } };
      return (await rejection(User.bulkWrite([operation]))) as UniqueValidationError;
    };
    const onId = await replace({ _id: 'x', n: 1 }, { email: 'b@x' });
    expect(onId.errors).toMatchObject({ _id: { value: 'x' } });
    // The server does not take the email over: there is none in the new document, as in that of y.
    const onEmail = await replace({ _id: 'z', email: 'b@x' }, { n: 1 });
    expect(onEmail.errors).toMatchObject({ email: { value: null } });
  });

  it('of an embedded document that is indexed as a whole are unknown after a change of a part', async () => {
    const schema = new Schema({ name: { first: String, last: String } });
    const User = await compile(schema.index({ name: 1 }, { unique: true }));
    const taken = { first: 'Ada', last: 'King' };
    const [, { _id }] = (await User.create([
      { name: taken },
      { name: { ...taken, last: 'Byron' } },
    ])) as [Doc, Doc];
    const update = { 'name.last': 'King' };
    const write = User.bulkWrite([{ updateOne: { filter: { _id }, update } }]);
    const error = (await rejection(write)) as UniqueValidationError;
    expect(error.errors).toMatchObject({ name: { kind: 'unique', value: undefined } });
    // A single write's error has the server's keyValue.
    const { errors } = await caught(User.updateOne({ _id }, update));
    expect(errors).toMatchObject({ name: { value: taken } });
  });

  it('of $setOnInsert are not believed where the upsert may have updated', async () => {
    const schema = new Schema({ tenant: String, slug: String, n: Number });
    const Page = await compile(
      schema.index(
        { tenant: 1, slug: 1 },
        { unique: true, collation: { locale: 'en', strength: 2 } },
      ),
    );
    await Page.create({ tenant: 'a', slug: 's' });
    const { _id } = await Page.create({ tenant: 'a', slug: 't' });
    const update = { $set: { slug: 'S' }, $setOnInsert: { tenant: 'wrong' } };
    const { errors } = await caught(Page.updateOne({ _id }, update, { upsert: true }));
    expect(errors).toMatchObject({ tenant: { value: undefined }, slug: { value: 'S' } });
  });

  it.each([
    ['$inc', { $inc: { n: 1 } }, 2],
    ['$unset', { $unset: { n: 1 } }, null],
    ['$mul', { $mul: { n: 2 } }, 2],
    ['$max', { $max: { n: 2 } }, 2],
    ['$rename', { $rename: { m: 'n' } }, 2],
  ])('that %s computes come from the server', async (_, update, value) => {
    const Thing = await compile(new Schema({ n: { type: Number, unique: true }, m: Number }));
    await Thing.create([{ n: 2 }, { m: 5 }, { n: 1, m: 2 }]);
    const { errors } = await caught(Thing.updateOne({ n: 1 }, update));
    expect(errors).toMatchObject({ n: { value } });
  });

  it('of elements that are pushed come without a place, those that are set with it', async () => {
    const Thing = await compile(
      new Schema({ list: [{ _id: false, key: { type: String, unique: true } }] }),
    );
    await Thing.create({ list: [{ key: 'a' }] });
    const { _id } = await Thing.create({ list: [{ key: 'b' }, { key: 'c' }] });
    const on = (update: object) => caught(Thing.updateOne({ _id, 'list.key': 'c' }, update));
    for (const update of [
      { $push: { list: { key: 'a' } } },
      { $push: { list: { $each: [{ key: 'd' }, { key: 'a' }] } } },
      { $addToSet: { list: { key: 'a' } } },
      { $set: { 'list.$.key': 'a' } },
    ]) {
      expect((await on(update)).errors).toMatchObject({ 'list.key': { value: 'a' } });
    }
    for (const update of [{ $set: { 'list.1.key': 'a' } }, { $set: { 'list.1': { key: 'a' } } }]) {
      expect((await on(update)).errors).toMatchObject({ 'list.1.key': { value: 'a' } });
    }
  });

  const id = new Types.ObjectId();
  it.each<[string, unknown, unknown[], string, unknown]>([
    ['numbers', Number, [3, 7], 'tags.1', 7],
    ['booleans', Boolean, [true, false], 'tags.1', false],
    ['texts and null', String, ['a', null], 'tags.1', null],
    ['ObjectIds', Schema.Types.ObjectId, [new Types.ObjectId(), id], 'tags.1', id],
    // Their print could be mistaken for that of another value.
    ['fractions', Number, [1.5, 2.5], 'tags', undefined],
    ['dates', Date, [new Date(1), new Date(2)], 'tags', undefined],
    ['objects', Schema.Types.Mixed, [{ a: 1 }, { a: 2 }], 'tags', undefined],
  ])(
    'of an array of %s come from the message of the server, if at all',
    async (_, type, tags, path, value) => {
      const schema = new Schema({ tags: { type: [type] as never, unique: true } });
      const Thing = await compile(schema as unknown as Schema);
      await Thing.create({ tags: tags.slice(1) });
      const { errors } = await caught(Thing.insertMany([{ tags }]));
      expect(Object.keys(errors)).toEqual([path]);
      expect(errors[path]?.value).toEqual(value);
    },
  );

  it('of an empty array, which the server prints as undefined, are not reported as another value', async () => {
    const schema = new Schema({ list: [new Schema({ days: [Date] })] });
    const Thing = await compile(schema.index({ 'list.days': 1 }, { unique: true }));
    await Thing.create({ list: [{ days: [] }] });
    const list = [{ days: [new Date(1)] }, { days: [] }];
    const { errors } = await caught(Thing.insertMany([{ list }]));
    expect(errors).toMatchObject({ 'list.days': { value: undefined } });
  });

  it.each([
    '$&',
    '{TYPE}',
    '"quoted"',
    '{ a: { b',
    '" } dup key: { name: "x',
    ' index: name_1 dup key: {',
    '$set',
  ])('%j is one value like any other', async (value) => {
    const Thing = await compile(
      new Schema({ key: { type: String, unique: true }, name: { type: String, unique: true } }),
      {
        message: '{VALUE} is taken',
      },
    );
    await Thing.create({ key: value, name: '1' });
    for (const write of [
      () => Thing.create({ key: value, name: '2' }),
      () => Thing.insertMany([{ key: value, name: '3' }]),
    ]) {
      const { errors } = await caught(write());
      expect(errors).toMatchObject({ key: { value, message: `${value} is taken` } });
      expect(Object.keys(errors)).toEqual(['key']);
    }
  });

  it('of a path named constructor are on that path', async () => {
    const Thing = await compile(new Schema({ name: String }, { strict: false }));
    await Thing.collection.createIndexes([{ key: { constructor: 1 }, unique: true }]);
    await Thing.collection.insertOne({ constructor: 'c' });
    const raw = (await rejection(Thing.collection.insertOne({ constructor: 'c' }))) as object;
    for (const [cause, value] of [
      [raw, 'c'],
      // A server that says nothing of it.
      [{ ...raw, message: '', keyValue: {} }, undefined],
    ]) {
      const error = toValidationError(cause, Thing) as UniqueValidationError;
      expect(Object.keys(error.errors)).toEqual(['constructor']);
      expect(error.errors['constructor']).toMatchObject({ kind: 'unique', value });
    }
  });
});

describe('values that need care', () => {
  it('a UUID is a UUID, in a message too', async () => {
    const uuid = '09190f70-3d30-11e5-8814-0f4df9a59c41';
    const schema = new Schema({ key: { type: Schema.Types.UUID, unique: true } });
    const Thing = await compile(schema as unknown as Schema, { message: '{VALUE}' });
    await Thing.create({ key: uuid });
    for (const write of [
      () => Thing.create({ key: uuid }),
      () => Thing.insertMany([{ key: uuid }]),
      () => Thing.updateOne({ key: null }, { key: uuid }, { upsert: true }),
    ]) {
      const { errors } = await caught(write());
      expect(String(errors['key']?.value)).toBe(uuid);
      expect(errors['key']?.message).toBe(uuid);
    }
  });

  it('an object with a bigint or a Map in it still has a message', async () => {
    const schema = new Schema({ key: { type: Schema.Types.Mixed, unique: true } });
    const Thing = await compile(schema as unknown as Schema, { message: '{VALUE}' });
    const key = { a: 1n, b: new Map([['c', 1n]]) };
    await Thing.create({ key });
    for (const write of [() => Thing.create({ key }), () => Thing.insertMany([{ key }])]) {
      const { errors } = await caught(write());
      expect(errors['key']?.message).toBe('{"a":"1","b":{"c":"1"}}');
    }
  });

  it('a document with fields named q and u is a document', async () => {
    const Thing = await compile(
      new Schema({ email: { type: String, unique: true }, q: {}, u: {} }),
    );
    const document = { email: 'a@x', q: { a: 1 }, u: { $set: { email: 'evil' } } };
    await Thing.collection.insertOne({ ...document });
    const options = { forceServerObjectId: true };
    const raw = await rejection(Thing.collection.insertMany([{ ...document }], options));
    expect(toValidationError(raw, Thing)).toHaveProperty('errors.email.value', 'a@x');
  });
});

describe('indexes', () => {
  it('that are declared after the plugin count', async () => {
    const schema = new Schema({ a: Number });
    schema.plugin(uniqueGuard);
    schema.index({ a: 1 }, { unique: true, name: 'later' });
    const Thing = await compile(schema);
    await Thing.create({ a: 1 });
    const error = await caught(Thing.insertMany([{ a: 1 }]));
    expect(error).toHaveProperty('errors.a.properties.index', 'later');
  });

  it('of discriminators and of their base count on both', async () => {
    const base = new Schema({ a: { type: Number }, b: Number });
    base.index({ a: 1, b: 1 }, { unique: true, name: 'of the base' });
    const Base = await compile(base);
    const child = new Schema({ c: Number }).index({ c: 1 }, { unique: true, name: 'of the child' });
    const Child = Base.discriminator('Child', child) as unknown as AnyModel;
    await Child.ensureIndexes();
    await Child.create({ a: 1, b: 1, c: 1 });
    const onBase = await caught(Child.insertMany([{ a: 1, b: 1, c: 2 }]));
    expect(Object.keys(onBase.errors)).toEqual(['a', 'b']);
    const onChild = await caught(Base.insertMany([{ __t: 'Child', a: 2, c: 1 }]));
    expect(onChild).toHaveProperty('errors.c.properties.index', 'of the child');
    expect(Object.keys((await caught(Child.create({ a: 2, c: 1 }))).errors)).toEqual(['c']);
  });

  it('that no schema declares leave a bulk error as it is, for it names no path', async () => {
    const Thing = await compile(new Schema({ a: Number }));
    await Thing.collection.createIndexes([{ key: { a: 1 }, unique: true, name: 'x' }]);
    await Thing.create({ a: 1 });
    for (const write of [
      () => Thing.insertMany([{ a: 1 }]),
      () => Thing.bulkWrite([{ insertOne: { document: { a: 1 } } }]),
    ]) {
      const error = await rejection(write());
      expect(error).toMatchObject({ name: 'MongoBulkWriteError', code: 11000 });
      expect(error).not.toHaveProperty('errors');
      expect(error).toHaveProperty('uniqueGuard.reason', expect.stringContaining('the index x'));
      expect(isDuplicateKeyError(error)).toBe(true);
    }
  });
});

describe('the plugin', () => {
  it('applied twice, also globally, converts once, with the options of the schema itself', async () => {
    const own = new Mongoose();
    own.plugin(uniqueGuard, { message: 'global' });
    own.set('autoIndex', false);
    await withMongoose(own, async () => {
      const schema = () => new Schema({ email: { type: String, unique: true } });
      const local = schema().plugin(uniqueGuard, { message: 'local' }).plugin(uniqueGuard);
      const User = own.model('User', local) as unknown as AnyModel;
      const Other = own.model('Other', schema()) as unknown as AnyModel;
      await Promise.all([User.ensureIndexes(), Other.ensureIndexes()]);
      const child = new Schema({ n: Number }).plugin(uniqueGuard);
      const Child = User.discriminator('Child', child) as unknown as AnyModel;
      for (const [model, message] of [
        [User, 'local'],
        [Other, 'global'],
        [Child, 'local'],
      ] as const) {
        const email = model.modelName;
        await model.create({ email });
        for (const write of [() => model.create({ email }), () => model.insertMany([{ email }])]) {
          const error = await caught(write());
          expect(error).toHaveProperty('errors.email.message', message);
          expect(error.cause).not.toBeInstanceOf(own.Error.ValidationError);
        }
      }
    });
  });

  it("makes the errors of the user's own copy of mongoose", async () => {
    // The paths are read as they stand, past the mapping that gives this suite one of the two.
    const paths = ['../../node_modules/mongoose', '../../node_modules/mongoose-8'];
    const copies = paths.map((path) => jest.requireActual<{ Mongoose: typeof Mongoose }>(path));
    expect(new Set(copies.map((copy) => copy.Mongoose)).size).toBe(2);
    for (const copy of copies) {
      await withMongoose(new copy.Mongoose(), async (own) => {
        const schema = new own.Schema({ email: { type: String, unique: true } });
        const User = own.model('User', schema.plugin(uniqueGuard));
        await User.init();
        await User.create({ email: 'a@x' });
        const error = await caught(User.create({ email: 'a@x' }));
        expect(error).toBeInstanceOf(own.Error.ValidationError);
        expect(error.errors['email']).toBeInstanceOf(own.Error.ValidatorError);
      });
    }
  });

  it('leaves the error of another collection, thrown in middleware, to its own model', async () => {
    const Log = await compile(new Schema({ key: { type: String, unique: true } }));
    const schema = new Schema({ key: { type: String, unique: true } });
    schema.pre('save', async () => {
      await Log.collection.insertOne({ key: 'same' });
    });
    const User = await compile(schema);
    await User.create({ key: 'a' });
    const error = await rejection(User.create({ key: 'b' }));
    expect(error).toMatchObject({ name: 'MongoServerError', code: 11000 });
  });

  it('leaves the bulk error of a write in middleware as it is', async () => {
    const schema = new Schema({ key: { type: String, unique: true } });
    schema.pre('save', async () => {
      await User.collection.insertMany([{ key: 'a' }]);
    });
    const User = await compile(schema);
    await User.collection.insertOne({ key: 'a' });
    const error = await rejection(User.create({ key: 'b' }));
    expect(error).toMatchObject({ name: 'MongoBulkWriteError', code: 11000 });
    expect(error).not.toHaveProperty('errors');
  });

  it.each<[string, (model: AnyModel) => Promise<unknown>]>([
    ['findOneAndUpdate without an update', (M) => M.findOneAndUpdate()],
    ['findOneAndReplace without a replacement', (M) => M.findOneAndReplace()],
    // Mongoose makes a $set of it only after the middleware.
    ['an update without operators', (M) => M.updateOne({}, { key: null })],
  ])('converts the duplicate of a write in middleware of %s', async (_, write) => {
    const schema = new Schema({ key: { type: String, unique: true } });
    schema.pre(['findOneAndUpdate', 'findOneAndReplace', 'updateOne'], async function () {
      await this.model.collection.insertOne({ key: 'a' });
    });
    const User = await compile(schema);
    await User.collection.insertOne({ key: 'a' });
    expect((await caught(write(User))).errors).toMatchObject({ key: { value: 'a' } });
  });

  it("leaves a user's own error that wraps a duplicate to the user", async () => {
    class TakenError extends Error {}
    const schema = new Schema({ email: { type: String, unique: true } });
    schema.post('save', (error: Error, _document: unknown, next: (error?: Error) => void) => {
      next(new TakenError('taken', { cause: error }));
    });
    const User = await compile(schema);
    await User.create({ email: 'a@x' });
    const error = await rejection(User.create({ email: 'a@x' }));
    expect(error).toBeInstanceOf(TakenError);
    expect(isDuplicateKeyError(error)).toBe(true);
    expect(toValidationError(error, User)).toHaveProperty('errors.email.kind', 'unique');
  });

  it('passes validation errors, version errors and errors with labels through as they are', async () => {
    const User = await compile(
      new Schema({ email: { type: String, unique: true, required: true } }),
    );
    const invalid = await rejection(User.create({}));
    expect(invalid).toMatchObject({
      name: 'ValidationError',
      errors: { email: { kind: 'required' } },
    });
    expect(isUniqueValidationError(invalid) || isDuplicateKeyError(invalid)).toBe(false);
    const labelled = Object.assign(new Error('E11000 duplicate key error'), {
      code: 11000,
      keyPattern: { email: 1 },
      errorLabels: ['TransientTransactionError'],
    });
    jest.spyOn(User.collection, 'insertOne').mockRejectedValueOnce(labelled as never);
    expect(await rejection(User.create({ email: 'a@x' }))).toBe(labelled);
  });
});

describe('toValidationError', () => {
  it('converts what no hook sees, and gives back what is no duplicate', async () => {
    const User = await compile(userSchema());
    await User.collection.insertOne({ email: 'a@x' });
    const raw = await rejection(User.collection.insertOne({ email: 'a@x' }));
    expect(toValidationError(raw, User)).toMatchObject({
      errors: { email: { value: 'a@x' } },
      code: 11000,
    });
    const many = await rejection(
      User.collection.insertMany([
        { email: 'b@x', username: 'b' },
        { email: 'a@x', username: 'c' },
      ]),
    );
    expect(toValidationError(many, User)).toMatchObject({
      errors: { email: { value: 'a@x' } },
      validationErrors: [{ index: 1 }],
    });
    for (const other of [new Error('x'), null, undefined, 'text', 11000, { code: 11000 }]) {
      expect(toValidationError(other, User)).toBe(other);
    }
    const converted = toValidationError(raw, User);
    expect(toValidationError(converted, User)).toBe(converted);
  });

  it.each(['bulkWrite', 'bulkSave'] as const)(
    'makes what insertMany gives of the error of %s, which is the object of the driver',
    async (call) => {
      const told: unknown[] = [];
      const User = await compile(userSchema(), { onUnexplained: (row) => told.push(row) });
      await User.collection.createIndexes([{ key: { name: 1 }, name: 'name_1', unique: true }]);
      await User.collection.insertOne({ email: 'a@x', name: 'A' });
      const rows = [{ email: 'b@x' }, { email: 'a@x', name: 'B' }, { email: 'c@x', name: 'A' }];
      const write =
        call === 'bulkWrite'
          ? User.bulkWrite(
              rows.map((document) => ({ insertOne: { document } })),
              { ordered: false },
            )
          : User.bulkSave(
              rows.map((row) => new User(row)),
              { ordered: false },
            );
      const raw = (await rejection(write)) as { validationErrors: object[] };
      expect(raw).toMatchObject({ name: 'MongoBulkWriteError', validationErrors: [{ index: 1 }] });
      const error = toValidationError(raw, User) as UniqueValidationError;
      expect(error).toMatchObject({
        name: 'ValidationError',
        errors: { email: { value: 'a@x' } },
        validationErrors: [{ index: 1 }],
        cause: raw,
      });
      expect(error.message).toMatch(/; other write errors: row 2 \(code 11000\)$/);
      // The hook has told of the third row already.
      expect(told).toHaveLength(1);
    },
  );

  it('gives back the error of an index that could not be built: no document is to blame', async () => {
    const told: unknown[] = [];
    const model = await compile(userSchema(), { onUnexplained: (_, note) => told.push(note) });
    await model.collection.dropIndex('email_1');
    await model.collection.insertMany([
      { email: 'a@x', username: 'a' },
      { email: 'a@x', username: 'b' },
    ]);
    const error = await rejection(model.createIndexes());
    expect(toValidationError(error, model)).toBe(error);
    expect(told).toEqual([{ reason: explainUniqueIndexError(error, model) }]);
  });

  // Its bulkWrite needs a MongoDB 8.
  it("converts the error of a connection's bulkWrite, which keeps no operations", async () => {
    const User = await compile(userSchema());
    const text = `E11000 duplicate key error collection: ${User.db.name}.${User.collection.name} index: email_1 dup key: { email: "a@x" }`;
    const raw = new mongoose.mongo.MongoClientBulkWriteError({ message: text });
    raw.writeErrors = new Map([
      [1, { code: 11000, message: text }],
      [3, { code: 121, message: 'Document failed validation' }],
    ]);
    const error = toValidationError(raw, User) as UniqueValidationError;
    expect(error.message).toBe(
      `${User.modelName} validation failed: email: Path \`email\` must be unique.; ` +
        'other write errors: row 3 (code 121)',
    );
    expect(error).toMatchObject({
      errors: { email: { kind: 'unique', value: undefined } },
      validationErrors: [{ index: 1, operation: undefined }],
    });
  });
});
