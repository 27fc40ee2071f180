import { createHash } from 'node:crypto';
import { mongooseLeanVirtuals } from 'mongoose-lean-virtuals';
import { Schema, Types } from 'mongoose';
import { isDuplicateKeyError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { watchCommands } from '../support/commands';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);

const twoKeys = () =>
  new Schema({ email: { type: String, unique: true }, username: { type: String, unique: true } });

const stored = (model: AnyModel) => model.collection.find().sort({ _id: 1 }).toArray();
const hash = (text: unknown) => createHash('sha256').update(String(text)).digest('hex');

describe('saveOrUpsert', () => {
  const userSchema = () =>
    new Schema(
      {
        email: { type: String, unique: true, required: true, lowercase: true },
        username: { type: String, unique: true, sparse: true },
        name: String,
        role: { type: String, default: 'user' },
        joined: { type: Date, immutable: true, default: () => new Date('2020-01-01') },
        tags: [String],
        settings: { theme: { type: String, default: 'light' }, size: Number },
      },
      { timestamps: true },
    );
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(userSchema());
  });
  beforeEach(() => User.deleteMany());

  it('creates a document as save would', async () => {
    const { doc, created } = await User.saveOrUpsert({ email: 'Alice@x.org', name: 'Alice' });
    expect(created).toBe(true);
    expect(doc).toBeInstanceOf(User);
    expect(doc.isNew).toBe(false);
    const saved = await new User({ email: 'bob@x.org', name: 'Bob' }).save();
    const [alice, bob] = await stored(User).then((docs) => [
      docs.find(({ name }: Doc) => name === 'Alice'),
      docs.find(({ name }: Doc) => name === 'Bob'),
    ]);
    expect(alice).toMatchObject({ email: 'alice@x.org', role: 'user', tags: [], __v: 0 });
    expect(Object.keys(alice ?? {}).sort()).toEqual(Object.keys(bob ?? {}).sort());
    expect(alice?.['createdAt']).toEqual(alice?.['updatedAt']);
    expect((doc as { _id: unknown })._id).toEqual(alice?._id);
    expect(saved.isNew).toBe(false);
  });

  it('updates the given paths of a document that is there, and no default', async () => {
    const first = await User.create({
      email: 'alice@x.org',
      name: 'Alice',
      role: 'admin',
      tags: ['a'],
      joined: new Date('2001-01-01'),
      createdAt: new Date('2001-01-01'),
    });
    const { doc, created } = await User.saveOrUpsert({
      email: 'ALICE@x.org',
      name: 'Alicia',
      joined: new Date('2022-02-02'),
      createdAt: new Date('2022-02-02'),
      _id: new Types.ObjectId(),
    });
    expect(created).toBe(false);
    const [after, ...others] = await stored(User);
    expect(others).toEqual([]);
    expect(after).toEqual({
      ...(first as unknown as { toObject(): Doc }).toObject(),
      name: 'Alicia',
      updatedAt: after?.['updatedAt'],
    });
    expect(after?.['updatedAt'].getTime()).toBeGreaterThan(first.updatedAt.getTime());
    expect(doc.toObject()).toEqual(after);
  });

  it('unsets a path given as undefined and stores null, as set and save would', async () => {
    await User.create({ email: 'a@x', name: 'A', username: 'a' });
    await User.saveOrUpsert({ email: 'a@x', name: undefined, username: null });
    const [after] = await stored(User);
    expect(after).not.toHaveProperty('name');
    expect(after?.['username']).toBeNull();
  });

  it('takes one round trip', async () => {
    const commands = watchCommands(mongoose);
    for (let time = 0; time < 2; time += 1) await User.saveOrUpsert({ email: 'once@x' });
    expect(commands.take().map((command) => Object.keys(command)[0])).toEqual([
      'findAndModify',
      'findAndModify',
    ]);
  });

  it('makes one document of 50 calls at once, with one created and no error', async () => {
    const calls = Array.from({ length: 50 }, (_, n) =>
      User.saveOrUpsert({ email: 'race@x', name: `n${String(n)}` }),
    );
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter(({ created }) => created)).toHaveLength(1);
    expect(await stored(User)).toHaveLength(1);
  });

  it('rejects with the field of another unique index and leaves the other document alone', async () => {
    await User.create([
      { email: 'alice@x', username: 'al' },
      { email: 'bob@x', username: 'bo' },
    ]);
    const before = await stored(User);
    for (const email of ['bob@x', 'new@x']) {
      const write = User.saveOrUpsert({ email, username: 'al' }, { conflictTarget: 'email' });
      const error = await rejection(write);
      expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
      expect(error).toMatchObject({
        code: 11000,
        errors: { username: { kind: 'unique', value: 'al' } },
      });
      expect(isDuplicateKeyError(error)).toBe(true);
    }
    expect(await stored(User)).toEqual(before);
  });

  it('rejects invalid input with its ValidationError and sends nothing', async () => {
    const driver = jest.spyOn(User.collection, 'findOneAndUpdate');
    await expect(User.saveOrUpsert({ name: 'no e-mail' })).rejects.toMatchObject({
      name: 'ValidationError',
      errors: { email: { kind: 'required' } },
    });
    await expect(User.saveOrUpsert({ email: { $gt: '' }, name: 'evil' })).rejects.toMatchObject({
      name: 'ValidationError',
      errors: { email: { kind: 'string', name: 'CastError' } },
    });
    expect(driver).not.toHaveBeenCalled();
    driver.mockRestore();
    expect(await stored(User)).toEqual([]);
  });

  it('stores a text that begins with $ as the text it is', async () => {
    await User.saveOrUpsert({ email: '$set', name: '$email' });
    expect(await stored(User)).toMatchObject([{ email: '$set', name: '$email' }]);
  });

  it('honours lean', async () => {
    const { doc } = await User.saveOrUpsert({ email: 'a@x' }, { lean: true });
    expect(doc).not.toBeInstanceOf(User);
    expect(Object.getPrototypeOf(doc)).toBe(Object.prototype);
    expect(doc).toMatchObject({ email: 'a@x', role: 'user' });
  });

  describe('bad calls', () => {
    it.each([
      [null, undefined, /the input is null; it must be a plain object/],
      [[], undefined, /the input is \[\]; it must be a plain object/],
      ['a@x', undefined, /the input is "a@x"/],
      [{ email: 'a@x' }, null, /options is null/],
      [
        { email: 'a@x' },
        { upsert: true },
        /options has no "upsert"; allowed are conflictTarget, onConflict/,
      ],
      [
        { email: 'a@x' },
        { onconflict: 'skip' },
        /options has no "onconflict"; allowed are .*, lean\. Did you mean onConflict\?$/,
      ],
      [
        { email: 'a@x' },
        { lead: 1, name: 'N' },
        /The first argument holds all paths to write, not a filter: saveOrUpsert\(\{ email, lead, name \}\)/,
      ],
      [{ email: 'a@x' }, { conflictTarget: 5 }, /conflictTarget is 5; it must be a path/],
      [{ email: 'a@x' }, { conflictTarget: [] }, /conflictTarget is \[\]/],
      [
        { email: 'a@x' },
        { middleware: 'no' },
        /middleware is "no"; it must be true, false, \{ pre: false \} or \{ post: false \}/,
      ],
      [
        { email: 'a@x' },
        { conflictTarget: 'name' },
        /conflictTarget "name" is no unique index.*"email_1" \(email\)/,
      ],
      [
        { email: 'a@x', username: 'a' },
        {},
        /all paths of "email_1" \(email\) and "username_1" \(username\)/,
      ],
    ])('%j, %j: a TypeError that says what to write', async (input, options, message) => {
      const driver = jest.spyOn(User.collection, 'findOneAndUpdate');
      const error = await rejection(User.saveOrUpsert(input as never, options as never));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toMatch(message);
      expect(driver).not.toHaveBeenCalled();
      driver.mockRestore();
    });

    it('takes no Mongoose document, and says what to pass', async () => {
      const document = new User({ email: 'a@x' });
      await expect(User.saveOrUpsert(document)).rejects.toThrow('call its save()');
    });
  });
});

describe('the conflict target', () => {
  it('may be compound, in any order, or an index name', async () => {
    const schema = new Schema({ tenant: String, slug: String, title: String });
    schema.index({ tenant: 1, slug: 1 }, { unique: true, name: 'page' });
    const Page = await compile(schema);
    for (const conflictTarget of [undefined, ['slug', 'tenant'], 'page']) {
      await Page.deleteMany();
      const options = conflictTarget ? { conflictTarget } : {};
      const page = { tenant: 't', slug: 's' };
      expect(await Page.saveOrUpsert({ ...page, title: 'one' }, options)).toMatchObject({
        created: true,
      });
      expect(await Page.saveOrUpsert({ ...page, title: 'two' }, options)).toMatchObject({
        created: false,
      });
      expect(await Page.saveOrUpsert({ tenant: 'u', slug: 's' }, options)).toMatchObject({
        created: true,
      });
      expect(await stored(Page)).toMatchObject([{ title: 'two' }, { tenant: 'u' }]);
    }
    await expect(Page.saveOrUpsert({ slug: 's' })).rejects.toThrow(
      `the input lacks values for each unique index of ${Page.modelName}, so it does not identify a ` +
        'document. Add the values of "page" (tenant, slug), or use create().',
    );
  });

  it('is asked for where the input has the values of no unique index', async () => {
    const paths = { email: { type: String, unique: true }, slug: { type: String, unique: true } };
    const Page = await compile(new Schema({ ...paths, title: String }));
    const given = 'Add the values of "email_1" (email) or "slug_1" (slug), or';
    await expect(Page.saveOrUpsert({ title: 'A' })).rejects.toThrow(`${given} use create().`);
    await expect(Page.saveOrUpsert({ _id: new Types.ObjectId() })).rejects.toThrow(
      `${given} pass conflictTarget: "_id".`,
    );
  });

  it('may be nested', async () => {
    const Person = await compile(
      new Schema({ profile: { handle: { type: String, unique: true }, bio: String } }),
    );
    await Person.saveOrUpsert({ profile: { handle: 'al', bio: '1' } });
    const { created } = await Person.saveOrUpsert({ profile: { handle: 'al', bio: '2' } });
    expect(created).toBe(false);
    expect(await stored(Person)).toMatchObject([{ profile: { handle: 'al', bio: '2' } }]);
  });

  it('may be _id', async () => {
    const Setting = await compile(new Schema({ _id: String, value: Number }));
    const options = { conflictTarget: '_id' };
    expect(await Setting.saveOrUpsert({ _id: 'a', value: 1 }, options)).toMatchObject({
      created: true,
    });
    expect(await Setting.saveOrUpsert({ _id: 'a', value: 2 }, options)).toMatchObject({
      created: false,
    });
    expect(await stored(Setting)).toEqual([{ _id: 'a', value: 2, __v: 0 }]);
  });

  it('tells created from updated where the input has the _id of the document that is there', async () => {
    const User = await compile(new Schema({ email: { type: String, unique: true }, n: Number }));
    const { _id } = await User.create({ email: 'a@x', n: 1 });
    expect(await User.saveOrUpsert({ _id, email: 'a@x', n: 2 })).toMatchObject({ created: false });
  });

  it('uses the collation of the index', async () => {
    const schema = new Schema({ name: String, n: Number });
    schema.index({ name: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
    const Person = await compile(schema);
    await Person.saveOrUpsert({ name: 'Alice', n: 1 });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        Person.saveOrUpsert({ name: n % 2 ? 'ALICE' : 'alice', n }),
      ),
    );
    expect(outcomes.every(({ created }) => !created)).toBe(true);
    expect(await stored(Person)).toHaveLength(1);
  });

  it.each([
    [
      'an index on an array',
      () => new Schema({ email: { type: [String], unique: true } }),
      { email: ['a'] },
      /is an index on the array `email`/,
    ],
  ])('may not be %s, which equality does not find', async (_, schema, input, message) => {
    const Thing = await compile(schema());
    await expect(Thing.saveOrUpsert(input, { conflictTarget: 'email' })).rejects.toThrow(message);
    await expect(Thing.saveOrUpsert(input)).rejects.toThrow('no unique index that identifies');
    expect(await stored(Thing)).toEqual([]);
  });

  it('refuses an object with operators also where the schema would take any value', async () => {
    const Thing = await compile(
      new Schema({ key: { type: Schema.Types.Mixed, unique: true }, n: Number }),
    );
    await Thing.create({ key: 'a', n: 1 });
    await expect(Thing.saveOrUpsert({ key: { $gt: '' }, n: 2 })).rejects.toThrow(
      'not an object with operators',
    );
    expect(await stored(Thing)).toMatchObject([{ key: 'a', n: 1 }]);
  });

  it('may stand on the base of a discriminator; a document of another type is never changed', async () => {
    const Event = await compile(new Schema({ key: { type: String, unique: true }, n: Number }));
    const Click = Event.discriminator('Click', new Schema({ x: Number })) as unknown as AnyModel;
    const Key = Event.discriminator('Key', new Schema({ code: String })) as unknown as AnyModel;
    expect(await Click.saveOrUpsert({ key: 'a', x: 1 })).toMatchObject({
      created: true,
      doc: { x: 1 },
    });
    expect(await Click.saveOrUpsert({ key: 'a', x: 2 })).toMatchObject({ created: false });
    const before = await stored(Event);
    expect(before).toMatchObject([{ __t: 'Click', key: 'a', x: 2 }]);
    await expect(Key.saveOrUpsert({ key: 'a', code: 'k' })).rejects.toMatchObject({
      errors: { key: { kind: 'unique', value: 'a' } },
    });
    expect(await stored(Event)).toEqual(before);
    const racing = Array.from({ length: 20 }, (_, x) => Click.saveOrUpsert({ key: 'b', x }));
    expect((await Promise.all(racing)).filter(({ created }) => created)).toHaveLength(1);
  });
});

describe("the schema's own pre('save') middleware", () => {
  it('hashes a password on the insert and on the update, once', async () => {
    const schema = new Schema({
      email: { type: String, unique: true },
      password: String,
      slug: String,
    });
    schema.pre('save', function (this: Doc & { isModified(path: string): boolean }) {
      if (this.isModified('password')) this['password'] = hash(this['password']);
      this['slug'] = String(this['email']).replace('@', '-at-');
    });
    const User = await compile(schema);
    const { doc } = await User.saveOrUpsert({ email: 'a@x', password: 'one' });
    expect(doc).toMatchObject({ password: hash('one'), slug: 'a-at-x' });
    expect(await stored(User)).toMatchObject([{ password: hash('one'), slug: 'a-at-x' }]);
    await User.collection.updateOne({}, { $unset: { slug: 1 } });
    await User.saveOrUpsert({ email: 'a@x', password: 'two' });
    expect(await stored(User)).toMatchObject([{ password: hash('two'), slug: 'a-at-x' }]);
    await User.saveOrUpsert({ email: 'a@x', password: 'plain' }, { middleware: false });
    expect(await stored(User)).toMatchObject([{ password: 'plain' }]);
  });

  it('may be asynchronous, with next, and in a subdocument', async () => {
    const secret = new Schema({ text: String });
    secret.pre('save', async function (this: Doc) {
      await Promise.resolve();
      this['text'] = hash(this['text']);
    });
    const schema = new Schema({ email: { type: String, unique: true }, secret, list: [secret] });
    const User = await compile(schema);
    for (const text of ['one', 'two']) {
      await User.saveOrUpsert({ email: 'a@x', secret: { text }, list: [{ text }] });
      expect(await stored(User)).toMatchObject([
        { secret: { text: hash(text) }, list: [{ text: hash(text) }] },
      ]);
    }
  });

  it('does not bring what it did for a new document to one that exists', async () => {
    const schema = new Schema({
      email: { type: String, unique: true },
      role: String,
      password: String,
    });
    let runs = 0;
    schema.pre('save', function (this: Doc & { isModified(path: string): boolean }) {
      runs += 1;
      if (this['isNew']) this['role'] = 'member';
      if (this['isNew'] || this.isModified('password')) this['password'] = hash(this['password']);
    });
    const User = await compile(schema);
    expect((await User.saveOrUpsert({ email: 'a@x', password: 'one' })).doc).toMatchObject({
      role: 'member',
    });
    await User.updateOne({}, { role: 'admin' });
    await User.saveOrUpsert({ email: 'a@x', password: 'two' });
    expect(await stored(User)).toMatchObject([{ role: 'admin', password: hash('two') }]);
    expect(runs).toBe(4);
  });

  it('runs once where it does not read isNew, with timestamps and in a transaction too', async () => {
    const schema = new Schema({ email: { type: String, unique: true } }, { timestamps: true });
    let runs = 0;
    schema.pre('save', () => {
      runs += 1;
    });
    const User = await compile(schema);
    await mongoose.connection.transaction((session) =>
      User.saveOrUpsert({ email: 'a@x' }, { session }),
    );
    expect(runs).toBe(1);
  });

  it('may ask for no write by skipMiddlewareFunction(), and the call says so', async () => {
    const schema = new Schema({ email: { type: String, unique: true } });
    schema.pre('save', () => {
      // It is no Error.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw mongoose.skipMiddlewareFunction(undefined);
    });
    const User = await compile(schema);
    const error = await rejection(User.saveOrUpsert({ email: 'a@x' }));
    expect(error).toBeInstanceOf(Error);
    expect(error).toHaveProperty(
      'message',
      "saveOrUpsert: pre('save') middleware called mongoose.skipMiddlewareFunction(), so nothing was written.",
    );
    expect(await stored(User)).toEqual([]);
  });

  it('may set isNew, and sees what it set', async () => {
    const schema = new Schema({ email: { type: String, unique: true }, role: String });
    schema.pre('save', function () {
      this.isNew = false;
      this.set('role', String(this.isNew));
    });
    const User = await compile(schema);
    for (const created of [true, false]) {
      expect(await User.saveOrUpsert({ email: 'a@x' })).toMatchObject({
        created,
        doc: { role: 'false' },
      });
    }
  });

  it("runs for subdocuments also where their schemas have none of Mongoose's own", async () => {
    mongoose.set('applyPluginsToChildSchemas', false);
    try {
      const hashed = new Schema({ text: String });
      hashed.pre('save', function (this: Doc) {
        this['text'] = hash(this['text']);
      });
      const plain = new Schema({ text: String });
      const schema = new Schema({ email: { type: String, unique: true }, plain, hashed });
      const User = await compile(schema);
      const input = { email: 'a@x', plain: { text: 'p' } };
      await User.saveOrUpsert(input);
      await User.saveOrUpsert({ ...input, hashed: { text: 'h' } });
      expect(await stored(User)).toMatchObject([
        { plain: { text: 'p' }, hashed: { text: hash('h') } },
      ]);
    } finally {
      mongoose.set('applyPluginsToChildSchemas', true);
    }
  });

  it('keeps the write from being sent by its error', async () => {
    const schema = new Schema({ email: { type: String, unique: true } });
    const boom = new Error('boom');
    schema.pre('save', () => {
      throw boom;
    });
    const User = await compile(schema);
    expect(await rejection(User.saveOrUpsert({ email: 'a@x' }))).toBe(boom);
    expect(await stored(User)).toEqual([]);
  });

  it.each<[string, (hooks: object) => object | undefined]>([
    ['without methods', (hooks) => ({ ...hooks })],
    ['without lists', () => ({})],
    ['in another place', () => undefined],
  ])('has to be run: where it is %s, the call rejects and writes nothing', async (_, toOther) => {
    const schema = new Schema({ email: { type: String, unique: true } });
    schema.pre('save', () => undefined);
    const User = await compile(schema);
    const { s } = User.schema as unknown as { s: { hooks: object | undefined } };
    const { hooks } = s;
    s.hooks = toOther(hooks as object);
    try {
      await expect(User.saveOrUpsert({ email: 'a@x' })).rejects.toThrow(/middleware: false/);
      expect(await stored(User)).toEqual([]);
    } finally {
      s.hooks = hooks;
    }
  });
});

it('runs setters once, so that a setter that hashes stores what save stores', async () => {
  const set = (text: string) => hash(text);
  const User = await compile(
    new Schema({ key: { type: String, unique: true, set }, password: { type: String, set } }),
  );
  for (const password of ['one', 'two']) {
    await User.saveOrUpsert({ key: 'k', password });
    expect(await stored(User)).toMatchObject([{ key: hash('k'), password: hash(password) }]);
  }
});

it("lets the query's middleware run, add to the filter and to the update", async () => {
  const schema = new Schema({
    email: { type: String, unique: true },
    deleted: Boolean,
    by: String,
    n: Number,
  });
  schema.pre('findOneAndUpdate', function () {
    this.where({ deleted: { $ne: true } });
    this.set('by', 'middleware');
    this.set('n', 99);
  });
  const User = await compile(schema);
  await User.saveOrUpsert({ email: 'a@x', n: 1 });
  expect(await stored(User)).toMatchObject([{ email: 'a@x', by: 'middleware', n: 1 }]);
  await User.collection.updateOne({}, { $set: { deleted: true } });
  await expect(User.saveOrUpsert({ email: 'a@x', n: 2 })).rejects.toMatchObject({
    errors: { email: { kind: 'unique' } },
  });
  expect(await stored(User)).toMatchObject([{ n: 1 }]);
});

it("rejects where the query's middleware keeps the write from being sent", async () => {
  const schema = new Schema({ email: { type: String, unique: true } });
  schema.pre('findOneAndUpdate', () => {
    // It is no Error.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw mongoose.skipMiddlewareFunction({ email: 'made up' });
  });
  const User = await compile(schema);
  await expect(User.saveOrUpsert({ email: 'a@x' })).rejects.toThrow(
    "saveOrUpsert: pre('findOneAndUpdate') middleware prevented the write; it must not call mongoose.skipMiddlewareFunction().",
  );
  expect(await stored(User)).toEqual([]);
});

it('rejects where Mongoose sends queries in another way, and writes nothing', async () => {
  const User = await compile(new Schema({ email: { type: String, unique: true } }));
  const query = User.findOneAndUpdate.bind(User) as () => { mongooseCollection?: unknown };
  for (const mongooseCollection of [undefined, {}]) {
    jest
      .spyOn(User, 'findOneAndUpdate')
      .mockImplementationOnce(((...args: []) =>
        Object.assign(query(...args), { mongooseCollection })) as never);
    await expect(User.saveOrUpsert({ email: 'a@x' })).rejects.toThrow(
      'has no mongooseCollection on queries, so the upsert cannot be sent. Nothing was sent.',
    );
  }
  expect(await stored(User)).toEqual([]);
});

it.each<[string, (errors: Doc) => void]>([
  ['takes the errors away', (errors) => delete errors['username']],
  ['puts others in their place', (errors) => (errors['username'] = { message: 'vergeben' })],
])("gives the ValidationError as post('findOneAndUpdate') leaves it: %s", async (_, change) => {
  const schema = twoKeys();
  const seen: unknown[] = [];
  schema.post('findOneAndUpdate', ((error: { errors: Doc }, _doc: unknown, next: () => void) => {
    change(error.errors);
    seen.push(error);
    next();
  }) as never);
  const User = await compile(schema);
  await User.create({ email: 'a@x', username: 'a' });
  const write = User.saveOrUpsert({ email: 'b@x', username: 'a' }, { conflictTarget: 'email' });
  const error = await rejection(write);
  expect(error).toHaveProperty('name', 'ValidationError');
  expect(seen).toEqual([error]);
});

it('holds where the app has told Mongoose to distrust filters', async () => {
  mongoose.set('sanitizeFilter', true);
  try {
    const User = await compile(new Schema({ email: { type: String, unique: true }, n: Number }));
    for (const n of [1, 2]) await User.saveOrUpsert({ email: 'a@x', n });
    expect(await stored(User)).toMatchObject([{ email: 'a@x', n: 2 }]);
  } finally {
    mongoose.set('sanitizeFilter', false);
  }
});

it("gives a plain document with mongoose-lean-virtuals' virtuals", async () => {
  const schema = new Schema({ email: { type: String, unique: true }, first: String, last: String });
  schema.virtual('full').get(function (this: Doc) {
    return `${String(this['first'])} ${String(this['last'])}`;
  });
  schema.virtual('shout').get(() => '!');
  schema.plugin(mongooseLeanVirtuals);
  const User = await compile(schema);
  const input = { email: 'a@x', first: 'A', last: 'X' };
  const lean = { virtuals: true };
  for (const created of [true, false]) {
    const outcome = await User.saveOrUpsert(input, { lean });
    expect(outcome).toMatchObject({ created, doc: { full: 'A X', shout: '!' } });
    expect(Object.getPrototypeOf(outcome.doc)).toBe(Object.prototype);
  }
  const { doc } = await User.saveOrUpsert(input, { lean: { virtuals: ['shout'] } });
  expect(doc).toHaveProperty('shout');
  expect(doc).not.toHaveProperty('full');
});

describe('a race that the server does not settle by itself', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(twoKeys());
  });
  beforeEach(() => User.deleteMany());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const duplicate = (path: string) =>
    Object.assign(new Error('E11000 duplicate key error'), {
      code: 11000,
      keyPattern: { [path]: 1 },
      keyValue: { [path]: 'x' },
    });
  const stub = () => jest.spyOn(User.collection, 'findOneAndUpdate');
  const input = { email: 'a@x', username: 'a' };
  const options = { conflictTarget: 'email' };

  it('is run again, and succeeds', async () => {
    const driver = stub().mockRejectedValueOnce(duplicate('email') as never);
    expect(await User.saveOrUpsert(input, options)).toMatchObject({ created: true });
    expect(driver).toHaveBeenCalledTimes(2);
  });

  it('is run again six times at the most, then it is the error of the field', async () => {
    const driver = stub().mockRejectedValue(duplicate('email') as never);
    const error = await rejection(User.saveOrUpsert(input, options));
    expect(error).toHaveProperty('errors.email.kind', 'unique');
    expect(driver).toHaveBeenCalledTimes(6);
  });

  it('is not run again for another index, nor for another error', async () => {
    for (const error of [duplicate('username'), new Error('boom')]) {
      const driver = stub().mockRejectedValue(error as never);
      driver.mockClear();
      await rejection(User.saveOrUpsert(input, options));
      expect(driver).toHaveBeenCalledTimes(1);
    }
  });

  it('is not run again in a transaction', async () => {
    const driver = stub().mockRejectedValue(duplicate('email') as never);
    const session = await mongoose.startSession();
    session.startTransaction();
    const error = await rejection(User.saveOrUpsert(input, { ...options, session }));
    expect(error).toHaveProperty('errors.email.kind', 'unique');
    expect(driver).toHaveBeenCalledTimes(1);
    await session.abortTransaction();
    await session.endSession();
  });
});

describe('in a transaction', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(twoKeys());
  });
  beforeEach(() => User.deleteMany());

  it('is part of it', async () => {
    const session = await mongoose.startSession();
    session.startTransaction();
    await User.saveOrUpsert({ email: 'a@x', username: 'a' }, { session, conflictTarget: 'email' });
    expect(await stored(User)).toEqual([]);
    await session.commitTransaction();
    await session.endSession();
    expect(await stored(User)).toHaveLength(1);
  });

  it('aborts it by a ValidationError after one try, and the callback runs once', async () => {
    await User.create({ email: 'a@x', username: 'a' });
    let runs = 0;
    const transaction = mongoose.connection.transaction(async (session) => {
      runs += 1;
      await User.create([{ email: 'c@x', username: 'c' }], { session });
      await User.saveOrUpsert(
        { email: 'b@x', username: 'a' },
        { session, conflictTarget: 'email' },
      );
    });
    await expect(transaction).rejects.toMatchObject({ errors: { username: { kind: 'unique' } } });
    expect(runs).toBe(1);
    expect(await stored(User)).toHaveLength(1);
  });
});

it('is a static of the schema, and never takes the place of one of the same name', async () => {
  const own = () => 'mine';
  const schema = new Schema({ email: String }, { statics: { saveOrUpsert: own } });
  const Thing = await compile(schema as unknown as Schema);
  expect((Thing as unknown as { saveOrUpsert: () => string }).saveOrUpsert()).toBe('mine');
});
