import { Schema, type Types } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { watchCommands } from '../support/commands';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);
let commands: ReturnType<typeof watchCommands>;
beforeAll(() => {
  commands = watchCommands(mongoose);
});

const userSchema = () =>
  new Schema({
    name: { type: String, required: true },
    email: { type: String, unique: [true, 'e-mail taken'], lowercase: true, trim: true },
    username: { type: String, unique: true, match: /^[a-z]+$/ },
    tenant: { type: String, default: 'main' },
    slug: String,
    age: Number,
    any: { type: Schema.Types.Mixed, unique: true, sparse: true },
    profile: { handle: { type: String, unique: true, sparse: true } },
    count: { type: Number, unique: true, sparse: true },
  } as never).index({ tenant: 1, slug: 1 }, { unique: true }) as Schema;

const alice = { name: 'Alice', email: 'a@x', username: 'alice', slug: 'home' };
const bob = { name: 'Bob', email: 'b@x', username: 'bob', slug: 'start' };

let User: AnyModel;
let ids: { alice: Types.ObjectId; bob: Types.ObjectId };
beforeAll(async () => {
  User = await compile(userSchema());
});
beforeEach(async () => {
  await User.deleteMany();
  const [one, two] = await User.create([alice, bob]);
  ids = { alice: one?._id as Types.ObjectId, bob: two?._id as Types.ObjectId };
  commands.take();
});

const check = (input: Doc, options?: Doc) => User.checkUnique(input as never, options as never);
const paths = async (answer: Promise<unknown>) => {
  const error = await answer;
  if (error === null) return null;
  if (!isUniqueValidationError(error)) throw new Error('no unique ValidationError');
  return Object.keys(error.errors).sort();
};
const sent = () => commands.take().length;

describe('Model.checkUnique', () => {
  it('reports every violated index as the ValidationError of a write, by one query for each', async () => {
    const error = await check(alice);
    expect(sent()).toBe(3);
    expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
    expect(isUniqueValidationError(error)).toBe(true);
    expect(error?.code).toBe(11000);
    expect(error?.message).toMatch(/^Model\d+ validation failed: email: e-mail taken, username: /);
    expect(Object.keys(error?.errors ?? {})).toEqual(['email', 'username', 'tenant', 'slug']);
    expect(error?.errors['email']).toMatchObject({
      kind: 'unique',
      value: 'a@x',
      properties: { index: 'email_1', keyPattern: { email: 1 } },
    });
    expect(error?.cause).toBeUndefined();
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('code');
  });

  it('resolves to null if no value is in use, and writes nothing', async () => {
    expect(await check({ email: 'c@x', username: 'carol', slug: 'new' })).toBeNull();
    expect(sent()).toBe(3);
    expect(await User.countDocuments()).toBe(2);
  });

  it('casts as a document does: setters and defaults, but without validation and middleware', async () => {
    const schema = userSchema();
    const ran = jest.fn();
    for (const name of ['validate', 'save', 'find', 'findOne', 'aggregate'] as const) {
      schema.pre(name as 'save', ran as never);
    }
    const Watched = await compile(schema);
    await Watched.collection.insertOne({ email: 'a@x', tenant: 'main', slug: 'x' });
    const input = { email: ' A@X ', username: 'NOT valid', slug: 'x' } as never;
    expect(await paths(Watched.checkUnique(input))).toEqual(['email', 'slug', 'tenant']);
    expect(ran).not.toHaveBeenCalled();
  });

  it('treats a missing value as null, as a unique index does', async () => {
    await User.collection.insertOne({ email: 'x' });
    expect(await paths(check({ email: 'free', username: null, slug: 'free' }))).toEqual([
      'username',
    ]);
    expect(await paths(check({ email: 'free', slug: 'free' }))).toEqual(['username']);
  });

  it('reports an _id in use, and sends no query for a generated one', async () => {
    const free = { email: 'c@x', username: 'c', slug: 'new' };
    expect(await paths(check({ ...free, _id: ids.alice }))).toEqual(['_id']);
    expect(await paths(check({ ...free, _id: String(ids.alice) }))).toEqual(['_id']);
    commands.take();
    await check(free);
    expect(JSON.stringify(commands.take()[0]?.['filter'])).not.toContain('_id');
  });

  it('checks a discriminator on the indexes that apply to it', async () => {
    const Base = await compile(new Schema({ email: { type: String, unique: true } }));
    const schema = new Schema({ badge: { type: String, unique: true } });
    const Child = Base.discriminator('CheckedChild', schema, 'child') as unknown as AnyModel;
    await Child.collection.createIndexes([
      { key: { badge: 1 }, unique: true, partialFilterExpression: { __t: 'child' } },
    ]);
    await Child.create({ email: 'e', badge: 'b' });
    const asBase = { __t: 'child', email: 'f', badge: 'b' } as never;
    expect(await paths(Base.checkUnique(asBase))).toEqual(['badge']);
    expect(await paths(Child.checkUnique({ email: 'e', badge: 'c' } as never))).toEqual(['email']);
    expect(await paths(Base.checkUnique({ email: 'f', badge: 'b' } as never))).toBeNull();
  });

  it('does not combine values of two array elements under a collation', async () => {
    const row = new Schema({ a: String, b: String }, { _id: false });
    const schema = new Schema({ list: [row] }).index(
      { 'list.a': 1, 'list.b': 1 },
      { unique: true, collation: { locale: 'en', strength: 2 } },
    );
    const model = await compile(schema as Schema);
    const apart = [
      { a: 'x', b: 'z' },
      { a: 'w', b: 'y' },
    ];
    await model.create({ list: apart });
    const input = { list: [{ a: 'X', b: 'Y' }] };
    expect(await model.checkUnique(input as never)).toBeNull();
    await model.create(input);
    const again = { list: [...[...apart].reverse(), { a: 'x', b: 'y' }, { a: 'v', b: 'v' }] };
    await model.deleteOne({ list: apart });
    expect(await paths(model.checkUnique(again as never))).toEqual(['list.2.a', 'list.2.b']);
  });

  it('reads at most two documents for each index, even if it was never built', async () => {
    const schema = userSchema().add({ nick: String, tags: [String] });
    schema.index({ nick: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
    schema.index({ tags: 1 }, { unique: true });
    const model = await compile(schema as Schema);
    await model.collection.dropIndexes();
    const document = { email: 'a@x', tenant: 'main', tags: ['a', 'b'] };
    await model.collection.insertMany(Array.from({ length: 3000 }, () => ({ ...document })));
    const read: number[] = [];
    const onAnswer = ({ reply }: { reply: unknown }) => {
      const { cursor } = reply as { cursor?: { firstBatch: object[] } };
      if (cursor) read.push(cursor.firstBatch.length);
    };
    const client = mongoose.connection.getClient();
    client.on('commandSucceeded', onAnswer);
    const stored = await model.findOne().orFail();
    read.length = 0;
    const violated = ['email', 'nick', 'slug', 'tags.1', 'tenant', 'username'];
    const input = { email: 'a@x', tags: ['c', 'b'] };
    expect(await paths(model.checkUnique(input as never))).toEqual(violated);
    expect(await paths(model.checkUnique(input as never, { exclude: stored._id }))).toEqual(
      violated,
    );
    client.off('commandSucceeded', onAnswer);
    // Of several keys it asks which one.
    expect(read).toHaveLength(2 * (5 + 2));
    expect(Math.max(...read)).toBe(2);
  });

  it('reports no violation if the other document is deleted during the check', async () => {
    const schema = new Schema({ tags: [String] }).index({ tags: 1 }, { unique: true });
    const model = await compile(schema as Schema);
    await model.create({ tags: ['b'] });
    const find = jest.spyOn(model.collection, 'find');
    const input = { tags: ['a', 'b'] };
    expect(await paths(model.checkUnique(input as never))).toEqual(['tags.1']);
    const found = { toArray: () => Promise.resolve([{ _id: 1 }]) };
    const none = { toArray: () => Promise.resolve([]) };
    find.mockReturnValue(none as never).mockReturnValueOnce(found as never);
    expect(await model.checkUnique(input as never)).toBeNull();
    find.mockRestore();
  });

  it('waits for the connection', async () => {
    const { host, port, name } = mongoose.connection;
    const uri = `mongodb://${host}:${String(port)}/${name}?directConnection=true`;
    const connection = mongoose.createConnection(uri);
    const schema = userSchema().plugin(uniqueGuard) as Schema;
    const Late = connection.model('Late', schema, User.collection.name) as unknown as AnyModel;
    expect(await paths(Late.checkUnique({ email: 'a@x' } as never))).toEqual(['email']);
    await connection.close();
  });
});

describe('exclude', () => {
  it.each<[string, () => unknown]>([
    ['an _id', () => ids.alice],
    ['an _id as text', () => String(ids.alice)],
    ['a document', () => User.hydrate({ _id: ids.alice })],
    ['a lean document', () => ({ _id: ids.alice, email: 'whatever' })],
  ])('excludes the document with %s, and no other', async (_, exclude) => {
    expect(await check(alice, { exclude: exclude() })).toBeNull();
    const asBob = { ...alice, username: 'bob' };
    expect(await paths(check(asBob, { exclude: exclude() }))).toEqual(['username']);
    expect(await paths(check({ ...asBob, _id: ids.alice }, { exclude: exclude() }))).toEqual([
      'username',
    ]);
  });

  it.each([
    ['a text', 'x'],
    ['a number', 7],
    ['an object', { a: 1, b: 'x' }],
    ['bytes', Buffer.from('x')],
  ])('accepts an _id that is %s', async (_, _id) => {
    const type =
      _id instanceof Buffer
        ? Buffer
        : typeof _id === 'object'
          ? Schema.Types.Mixed
          : _id.constructor;
    const schema = new Schema({ _id: type, email: { type: String, unique: true } } as never);
    const model = await compile(schema as Schema);
    await model.create({ _id, email: 'e' });
    expect(await model.checkUnique({ email: 'e' } as never, { exclude: _id })).toBeNull();
    const other = typeof _id === 'number' ? 8 : typeof _id === 'string' ? 'y' : undefined;
    expect(
      await paths(
        model.checkUnique({ email: 'e' } as never, other === undefined ? {} : { exclude: other }),
      ),
    ).toEqual(['email']);
  });

  it('undefined excludes no document', async () => {
    expect(await paths(check({ ...bob, slug: 'q' }, { exclude: undefined }))).toEqual([
      'email',
      'username',
    ]);
  });
});

describe('paths', () => {
  it('limits the check to the indexes on them, and sends no query for others', async () => {
    expect(await paths(check(alice, { paths: ['email'] }))).toEqual(['email']);
    expect(await paths(check(alice, { paths: 'email' }))).toEqual(['email']);
    expect(await paths(check(alice, { paths: ['email', 'username'] }))).toEqual([
      'email',
      'username',
    ]);
    commands.take();
    await check(alice, { paths: ['email'] });
    expect(commands.take()[0]).toMatchObject({ filter: { email: { $eq: 'a@x' } } });
  });

  it('skips an index with a path that the input does not have', async () => {
    await User.collection.insertOne({ tenant: 'main' });
    expect(await check({ email: 'free' }, { paths: ['email'] })).toBeNull();
    expect(sent()).toBe(2);
    expect(await check({}, { paths: ['email', 'username'] })).toBeNull();
    expect(sent()).toBe(0);
    // A default is no value that was given: the tenant may be another one.
    expect(await check({ slug: 'home' }, { paths: ['slug'] })).toBeNull();
    expect(sent()).toBe(0);
    const given = { tenant: 'main', slug: 'home' };
    expect(await paths(check(given, { paths: ['slug'] }))).toEqual(['slug', 'tenant']);
    expect(await paths(check(given, { paths: ['tenant'] }))).toEqual(['slug', 'tenant']);
    expect(await paths(check({ email: null }, { paths: ['email'] }))).toEqual(['email']);
  });

  it('may be above or below the path of an index', async () => {
    await User.updateOne({ _id: ids.bob }, { 'profile.handle': 'bo' });
    const input = { profile: { handle: 'bo' } };
    expect(await paths(check(input, { paths: ['profile'] }))).toEqual(['profile.handle']);
    expect(await paths(check({ 'profile.handle': 'bo' }, { paths: 'profile.handle' }))).toEqual([
      'profile.handle',
    ]);
  });
});

describe('a value that is not allowed or not castable', () => {
  const operators: Doc[] = [
    { email: { $gt: '' } },
    { email: { $ne: null } },
    { email: 'x', any: { $gt: 1 } },
    { any: { deep: [{ $where: '1' }] } },
    { any: [{ $in: [1] }] },
    { any: new Map([['$gt', 1]]) },
    { profile: { $gt: '' } },
    { profile: { handle: { $regex: '.' } } },
    { 'profile.handle': { $exists: true } },
    { $where: 'sleep(100)' },
    { $or: [{}] },
    JSON.parse('{"email":{"$eq":"a@x"}}') as Doc,
  ];
  it.each(operators)('%j is a TypeError, and nothing is sent', async (input) => {
    for (const options of [{}, { paths: ['email', 'any', 'profile'] }]) {
      const error = await rejection(check(input, options));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toMatch(/^checkUnique: .* has "\$.*it must be a value/);
    }
    expect(sent()).toBe(0);
  });

  it('may have an operator on a path without an index', async () => {
    const schema = new Schema({ email: { type: String, unique: true }, filter: {} } as never);
    const model = await compile(schema as Schema);
    expect(await model.checkUnique({ email: 'e', filter: { $gt: 1 } } as never)).toBeNull();
  });

  it('may be a document, bytes or a large value', async () => {
    const author = new User(alice);
    const schema = new Schema({
      author: { type: Schema.Types.ObjectId, ref: author.constructor, unique: true },
      hash: { type: Buffer, unique: true },
    } as never);
    const model = await compile(schema as Schema);
    const input = { author, hash: Buffer.alloc(1_000_000) } as never;
    expect(await model.checkUnique(input)).toBeNull();
    await model.create(input);
    expect(await paths(model.checkUnique(input))).toEqual(['author', 'hash']);
  });

  it('is a value if it is a string with a dollar sign, also with sanitizeFilter', async () => {
    mongoose.set('sanitizeFilter', true);
    try {
      await User.create({ name: 'C', email: '$gt', username: 'c', slug: 'c' });
      expect(await paths(check({ email: '$gt', username: 'd', slug: 'd' }))).toEqual(['email']);
      expect(await check({ email: '$lt', username: 'd', slug: 'd' })).toBeNull();
    } finally {
      mongoose.set('sanitizeFilter', false);
    }
  });

  it('rejects with the error of a save if it cannot be cast', async () => {
    const input = { ...alice, count: 'many' };
    const error = await rejection(check(input));
    expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
    expect(isUniqueValidationError(error)).toBe(false);
    expect(error).toHaveProperty('errors.count.name', 'CastError');
    const asked = await rejection(check({ count: 'many' }, { paths: 'count' }));
    expect(asked).toHaveProperty('errors.count.name', 'CastError');
    expect(sent()).toBe(0);
    const saved = await rejection(new User(input).save());
    expect(saved).toHaveProperty('errors.count.name', 'CastError');
    // On a path that is not asked for, or without an index, it is not about uniqueness.
    expect(await paths(check(input, { paths: ['email'] }))).toEqual(['email']);
    expect(await paths(check({ ...alice, age: 'old' }, {}))).toContain('email');
  });
});

describe('a violation that is not reported, although the server refuses the insert', () => {
  const partial = (partialFilterExpression: Doc, fields: Doc = {}, options: Doc = {}) =>
    new Schema({ email: String, state: String, ...fields } as never).index({ email: 1 }, {
      unique: true,
      partialFilterExpression,
      ...options,
    } as never) as Schema;
  /** Two values on each of five paths: 32 alternatives. */
  const many = { $and: ['a', 'b', 'c', 'd', 'e'].map((path) => anyOf(path, [1, 2])) };
  function anyOf(path: string, values: unknown[]): Doc {
    return { $or: values.map((value) => ({ [path]: value })) };
  }
  const ones = { a: 1, b: 1, c: 1, d: 1, e: 1 };
  const numbers = { a: Number, b: Number, c: Number, d: Number, e: Number };

  const cases: [name: string, schema: () => Schema, document: Doc][] = [
    [
      'a sparse index on several paths, of which the first is null',
      () =>
        new Schema({ a: String, b: String }).index({ a: 1, b: 1 }, { unique: true, sparse: true }),
      { b: 'x' },
    ],
    [
      'a partial index on a range of strings under a collation',
      () => partial({ state: { $gte: 'b' } }, {}, { collation: { locale: 'en', strength: 2 } }),
      { email: 'e', state: 'c' },
    ],
    [
      'a partial index on a range of integers that are equal as JavaScript numbers',
      () => partial({ n: { $gt: 2 ** 53 } }, { n: BigInt }),
      { email: 'e', n: 2n ** 53n + 1n },
    ],
    [
      'a partial index by null below an array',
      () => partial({ 'list.state': null }, { list: [{ state: String }] }),
      { email: 'e', list: [{}] },
    ],
    [
      'a partial index by an operator that only the server can follow',
      () => partial({ place: { $geoWithin: { $center: [[0, 0], 1] } } }, { place: [Number] }),
      { email: 'e', place: [0, 0] },
    ],
    [
      'a partial index with a comment, which might be an operator',
      () => partial({ state: 'on', $comment: 'active ones' }),
      { email: 'e', state: 'on' },
    ],
    [
      'a partial index with many alternatives',
      () => partial(many, numbers),
      { email: 'e', ...ones },
    ],
    [
      'the many alternatives of one alternative',
      () => partial({ $or: [many, { state: 'on' }] }, numbers),
      { email: 'e', ...ones },
    ],
    [
      'very many patterns in one array',
      () => new Schema({ any: {}, b: String }).index({ any: 1, b: 1 }, { unique: true }),
      { any: Array.from({ length: 70 }, (_, at) => new RegExp(`x${String(at)}`)), b: 'b' },
    ],
  ] as [string, () => Schema, Doc][];
  it.each(cases)('%s', async (_, schema, document) => {
    const model = await compile(schema());
    await model.create(document);
    expect(await model.checkUnique(document as never)).toBeNull();
    expect(isUniqueValidationError(await rejection(model.create(document)))).toBe(true);
  });

  it.each([
    { n: { $in: 5 } },
    { n: { $ne: 5 } },
    { n: { $constructor: 5 } },
    { $nor: [{ n: 5 }] },
    { $and: 5 },
  ])('of an index that the server would not build, partial by %j', async (expression) => {
    const schema = partial(expression, { n: Number }).plugin(uniqueGuard) as Schema;
    const model = mongoose.model('Unbuilt', schema) as unknown as AnyModel;
    try {
      await expect(model.ensureIndexes()).rejects.toThrow(mongoose.mongo.MongoServerError);
      await model.create({ email: 'e', n: 5 });
      expect(await model.checkUnique({ email: 'e', n: 5 } as never)).toBeNull();
    } finally {
      mongoose.deleteModel('Unbuilt');
    }
  });
});

describe('a document that cannot be indexed, or that has unusual values', () => {
  it('is not reported if two of its arrays are indexed together, which the server refuses', async () => {
    const schema = new Schema({ a: [String], b: [String] }).index({ a: 1, b: 1 }, { unique: true });
    const model = await compile(schema as Schema);
    await model.collection.insertOne({ a: ['x'], b: 'x' });
    const arrays = { a: ['x'], b: ['y', 'z'] };
    expect(await model.checkUnique(arrays as never)).toBeNull();
    expect(await rejection(model.create(arrays))).toHaveProperty(
      'message',
      expect.stringContaining('cannot index parallel arrays'),
    );
  });

  const strange: [name: string, stage: Doc][] = [
    // As other drivers and the server's own JavaScript write them.
    [
      'undefined',
      { $function: { body: 'function () { return [undefined]; }', args: [], lang: 'js' } },
    ],
    [
      'an object that looks like a value of BSON',
      { $arrayToObject: [[['_bsontype', 'toString']]] },
    ],
    [
      'an object that looks like a number of BSON',
      {
        $arrayToObject: [
          [
            ['_bsontype', 'Int32'],
            ['toString', 'x'],
            ['toExtendedJSON', 'x'],
          ],
        ],
      },
    ],
  ];
  it.each(strange)('is compared with a stored document that has %s', async (_, state) => {
    const schema = new Schema({ email: { type: String, unique: true }, nick: String, state: {} });
    const typed = { state: { $type: ['string', 'object'] } };
    schema.index({ nick: 1 }, { unique: true, partialFilterExpression: typed });
    schema.index({ nick: 1, state: 1 }, { unique: true });
    const model = await compile(schema as Schema);
    await model.create({ email: 'e', nick: 'n' });
    await model.collection.updateOne({}, [{ $set: { state } }]);
    const input = { email: 'e', nick: 'n', state: 'on' };
    const isObject = (await model.countDocuments({ state: { $type: 'object' } })) === 1;
    expect(await paths(model.checkUnique(input as never))).toEqual(
      isObject ? ['email', 'nick'] : ['email'],
    );
  });
});

describe('a wrong argument', () => {
  it.each<[unknown, Doc | undefined, RegExp]>([
    [null, {}, /the input is null; it must be a plain object/],
    ['a@x', {}, /the input is "a@x"/],
    [['a@x'], {}, /the input is \["a@x"\]/],
    [{}, null as never, /options is null; it must be an object/],
    [{}, { path: 'email' }, /options has no "path"; allowed are exclude, paths, session/],
    [{}, { exclude: null }, /exclude is null; it must be an _id or a document, or undefined/],
    [
      {},
      { exclude: 'nobody' },
      /exclude is "nobody"; it must be an _id of Model\d+, or a document/,
    ],
    [{}, { exclude: { $ne: null } }, /exclude is \{"\$ne":null\}/],
    [{}, { paths: [] }, /paths is \[\]; it must be a path or a list of paths/],
    [{}, { paths: [''] }, /paths is \[""\]/],
    [
      {},
      { paths: ['emial'] },
      /options.paths has "emial", but no unique index of Model\d+ is on it; allowed are _id, email/,
    ],
    [{}, { paths: 'name' }, /has "name", but no unique index of Model\d+ is on it/],
    [
      {},
      { session: {} },
      /session is \{\}; it must be a session from mongoose.startSession\(\), or null/,
    ],
  ])('%j, %j is a TypeError', async (input, options, message) => {
    const error = await rejection(check(input as Doc, options));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toHaveProperty('message', expect.stringMatching(message));
    expect(sent()).toBe(0);
  });

  it('is a document, which has its own method', async () => {
    const error = await rejection(check(new User(alice) as never));
    expect(error).toHaveProperty('message', expect.stringContaining('document.checkUnique()'));
  });
});

describe('document.checkUnique', () => {
  it('checks every index for a new document', async () => {
    expect(await paths(new User(alice).checkUnique())).toEqual([
      'email',
      'slug',
      'tenant',
      'username',
    ]);
    expect(await new User({ email: 'c', username: 'c', slug: 'c' }).checkUnique()).toBeNull();
  });

  it('checks the modified paths of a stored document, and excludes the document itself', async () => {
    const user = (await User.findById(ids.bob)) as InstanceType<AnyModel>;
    commands.take();
    expect(await user.checkUnique()).toBeNull();
    expect(sent()).toBe(0);
    user.set({ email: 'b@x', name: 'Robert' });
    expect(await user.checkUnique()).toBeNull();
    user.set({ email: 'a@x', slug: 'home' });
    expect(await paths(user.checkUnique())).toEqual(['email', 'slug', 'tenant']);
    user.set({ email: 'b@x', tenant: 'other' });
    expect(await user.checkUnique()).toBeNull();
    expect(user.isModified('tenant')).toBe(true);
    expect(user.errors).toBeUndefined();
    await user.save();
  });

  it("keeps a method, a static and a path of that name in the user's schema", async () => {
    const schema = userSchema();
    schema.methods['checkUnique'] = () => 'my method';
    schema.statics['checkUnique'] = () => 'my static';
    const model = await compile(schema);
    expect(new model().checkUnique()).toBe('my method');
    expect(model.checkUnique({} as never)).toBe('my static');
    const own = await compile(new Schema({ checkUnique: Boolean }) as Schema);
    expect(new own({ checkUnique: true }).checkUnique).toBe(true);
    const later = new Schema({ email: String });
    later.plugin(uniqueGuard);
    later.method('checkUnique', () => 'later');
    expect(new (mongoose.model('Later', later))().checkUnique()).toBe('later');
  });

  it('is a TypeError on a subdocument and for a wrong option, and rejects for an uncast value', async () => {
    const inner = new Schema({ key: { type: String, unique: true } }).plugin(uniqueGuard);
    const model = await compile(new Schema({ inner, n: { type: Number, unique: true } }) as Schema);
    const document = new model({ inner: { key: 'k' }, n: 'x' });
    const subdocument = document.inner as { checkUnique: () => Promise<unknown> };
    expect(await rejection(subdocument.checkUnique())).toBeInstanceOf(TypeError);
    expect(await rejection(document.checkUnique({ exclude: 1 } as never))).toHaveProperty(
      'message',
      'checkUnique: options has no "exclude"; allowed are session.',
    );
    expect(await rejection(document.checkUnique())).toHaveProperty('errors.n.name', 'CastError');
    const stored = await model.create({ inner: { key: 'k' }, n: 1 });
    stored.set({ n: 'x' });
    expect(await rejection(stored.checkUnique())).toHaveProperty('errors.n.name', 'CastError');
  });
});

describe('session', () => {
  it('reads in the transaction: sees documents that it wrote, and not those that it deleted', async () => {
    await mongoose.connection.transaction(async (session) => {
      await User.create([{ name: 'C', email: 'c@x', username: 'c', slug: 'c' }], { session });
      await User.deleteOne({ _id: ids.alice }, { session });
      const input = { email: 'c@x', username: 'alice', slug: 'new' };
      expect(await paths(check(input, { session }))).toEqual(['email']);
      expect(await paths(check(input))).toEqual(['username']);
      const document = new User(input);
      document.$session(session);
      expect(await paths(document.checkUnique())).toEqual(['email']);
      expect(await paths(document.checkUnique({ session: null }))).toEqual(['username']);
    });
  });

  it('is the session of connection.transaction() if Mongoose sets it by default', async () => {
    mongoose.set('transactionAsyncLocalStorage', true);
    try {
      await mongoose.connection.transaction(async () => {
        await User.deleteOne({ _id: ids.alice });
        expect(await check({ ...alice, slug: 'x' })).toBeNull();
        expect(await paths(check(alice, { session: null }))).toContain('email');
      });
    } finally {
      mongoose.set('transactionAsyncLocalStorage', false);
    }
  });

  it('sends one query after the other for several collations', async () => {
    const schema = new Schema({ a: { type: String, unique: true }, b: String, c: String });
    schema.index({ b: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
    schema.index({ c: 1 }, { unique: true, collation: { locale: 'de', strength: 1 } });
    const model = await compile(schema as Schema);
    await model.create({ a: 'a', b: 'b', c: 'c' });
    await mongoose.connection.transaction(async (session) => {
      const answer = model.checkUnique({ a: 'a', b: 'B', c: 'Ç' } as never, { session });
      expect(await paths(answer)).toEqual(['a', 'b', 'c']);
    });
  });
});

describe('checkUnique is no guarantee', () => {
  it('of many writers for which a key was free, the index accepts one', async () => {
    const input = { name: 'C', email: 'c@x', username: 'carol', slug: 'c' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const answer = await check(input);
        return answer ?? User.create(input).catch((error: unknown) => error);
      }),
    );
    expect(answers.filter((one) => one instanceof User)).toHaveLength(1);
    expect(answers.filter(isUniqueValidationError)).toHaveLength(19);
  });

  it('rejects with the error of the server', async () => {
    const boom = new Error('connection closed');
    jest.spyOn(User.collection, 'find').mockImplementationOnce((() => ({
      toArray: () => Promise.reject(boom),
    })) as never);
    expect(await rejection(check(alice))).toBe(boom);
  });
});

describe('the types', () => {
  interface Account {
    email: string;
    age?: number;
  }
  it('check the paths of the schema, the options, and the document', async () => {
    const schema = new Schema<Account>({ email: { type: String, unique: true }, age: Number });
    schema.plugin(uniqueGuard);
    const Account = mongoose.model('Account', schema);
    await Account.createCollection();
    await Account.ensureIndexes();
    const user = new Account({ email: 'e' });
    await user.save({ uniqueGuard: { collectAll: true } });
    const error = await Account.checkUnique({ email: 'e' }, { paths: ['email'] });
    expect(error?.errors['email']?.message).toContain('must be unique');
    expect((await user.checkUnique())?.errors).toBeUndefined();
    await Account.updateOne({}, { age: 1 }).setOptions({ uniqueGuard: { collectAll: true } });
    await Account.findOneAndUpdate({}, { age: 1 }, { uniqueGuard: { collectAll: false } });
    await Account.create([{ email: 'f' }], { uniqueGuard: { collectAll: true } });
    // @ts-expect-error -- no path of the schema
    await Account.checkUnique({ mail: 'e' });
    // @ts-expect-error -- no option
    await rejection(Account.checkUnique({ email: 'e' }, { path: 'email' }));
    // @ts-expect-error -- true or false
    await user.save({ uniqueGuard: { collectAll: 'yes' } });
  });
});
