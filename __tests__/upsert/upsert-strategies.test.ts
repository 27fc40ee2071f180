import { Schema, Types } from 'mongoose';
import type { SaveOrUpsertOptions } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const old = new Date('2001-01-01');
const id = new Types.ObjectId();
const STORED = {
  _id: id,
  email: 'a@x',
  name: 'Old',
  role: 'admin',
  logins: 7,
  ssn: '1',
  tags: ['old'],
  address: { city: 'Old', zip: '1', since: old },
  home: { city: 'Old', zip: '1', ssn: '1' },
  legacy: 'not in the schema',
  createdAt: old,
  updatedAt: old,
  __v: 3,
};

const userSchema = () =>
  new Schema(
    {
      email: { type: String, unique: true, lowercase: true },
      username: { type: String, unique: true, sparse: true },
      name: { type: String, required: true },
      role: { type: String, default: 'user' },
      logins: { type: Number, default: 0, min: 0 },
      ssn: { type: String, immutable: true },
      tags: [String],
      address: { city: String, zip: String, since: { type: Date, immutable: true } },
      home: new Schema(
        { city: String, zip: String, ssn: { type: String, immutable: true } },
        { _id: false },
      ),
      meta: {},
      counts: { type: Map, of: Number },
    },
    { timestamps: true },
  );

let User: AnyModel;
beforeAll(async () => {
  User = await compile(userSchema());
});
beforeEach(() => User.deleteMany());

const raw = () => User.collection.find().sort({ _id: 1 }).toArray();

/** What the one document of the collection holds after it. */
async function write(input: Doc, options: SaveOrUpsertOptions, created: boolean): Promise<Doc> {
  const outcome = await User.saveOrUpsert(input, { conflictTarget: 'email', ...options });
  expect(outcome).toMatchObject({ created, attempts: 1 });
  const [document, ...others] = await raw();
  expect(others).toEqual([]);
  return document as Doc;
}
const onNew = (input: Doc, options: SaveOrUpsertOptions) => write(input, options, true);
async function onExisting(input: Doc, options: SaveOrUpsertOptions): Promise<Doc> {
  await User.collection.insertOne({ ...STORED });
  return write(input, options, false);
}

const input = () => ({
  email: 'A@x',
  name: 'New',
  ssn: '2',
  address: { city: 'New' },
  home: { city: 'New', ssn: '2' },
});
const timed = { createdAt: expect.any(Date) as Date, updatedAt: expect.any(Date) as Date };
const INSERTED = {
  _id: expect.any(Types.ObjectId) as Types.ObjectId,
  email: 'a@x',
  name: 'New',
  role: 'user',
  logins: 0,
  ssn: '2',
  tags: [],
  address: { city: 'New' },
  home: { city: 'New', ssn: '2' },
  __v: 0,
  ...timed,
};
/** For a new document no strategy matters. */
const insertsAllOf = (options: SaveOrUpsertOptions) => async () => {
  expect(await onNew(input(), options)).toEqual(INSERTED);
};

describe("onConflict: 'skip'", () => {
  it('creates a document with all of the input', insertsAllOf({ onConflict: 'skip' }));

  it('gives back the document that is there and writes nothing', async () => {
    expect(await onExisting(input(), { onConflict: 'skip' })).toEqual(STORED);
    const options = { onConflict: 'skip', conflictTarget: 'email', lean: true } as const;
    const { doc } = await User.saveOrUpsert(input(), options);
    expect(doc).toEqual(STORED);
  });

  it('makes one document of 50 calls at once', async () => {
    const calls = Array.from({ length: 50 }, (_, n) =>
      User.saveOrUpsert({ email: 'a@x', name: `n${String(n)}` }, { onConflict: 'skip' }),
    );
    const outcomes = await Promise.all(calls);
    const created = outcomes.filter((one) => one.created);
    expect(created).toHaveLength(1);
    expect(new Set(outcomes.map(({ doc }) => doc.name as string))).toEqual(
      new Set([created[0]?.doc.name as string]),
    );
  });
});

describe("onConflict: 'replace'", () => {
  it('creates a document with all of the input', insertsAllOf({ onConflict: 'replace' }));

  it('makes the document the input; _id, createdAt and immutable paths stay, __v is raised', async () => {
    const options = { onConflict: 'replace' } as const;
    expect(await onExisting(input(), options)).toEqual({
      ...INSERTED,
      _id: id,
      ssn: '1',
      address: { city: 'New', since: old },
      home: { city: 'New', ssn: '1' },
      createdAt: old,
      __v: 4,
    });
  });

  it('keeps no immutable path that was not there, and a null that was', async () => {
    const { ssn, ...withoutSsn } = STORED;
    expect(ssn).toBe('1');
    await User.collection.insertOne({ ...withoutSsn, address: { since: null } });
    await User.saveOrUpsert(
      { email: 'a@x', name: 'New', address: { city: 'New', since: old } } as never,
      { onConflict: 'replace' },
    );
    const [document] = await raw();
    expect(document).not.toHaveProperty('ssn');
    expect(document).toMatchObject({ address: { city: 'New', since: null } });
  });

  describe('keeps what is immutable', () => {
    const text = { type: String, immutable: true };
    const inside = new Schema({ since: text, note: String }, { _id: false });
    let Thing: AnyModel;
    const replace = async (stored: Doc, more: Doc): Promise<Doc> => {
      await Thing.collection.insertOne({ email: 'a', ...stored });
      const options = { onConflict: 'replace' } as const;
      await Thing.saveOrUpsert({ email: 'a', ...more }, options);
      const { _id, __v, email, ...after } = (await Thing.collection.findOne()) as Doc;
      expect([_id, __v, email]).toEqual([expect.any(Types.ObjectId), 0, 'a']);
      return after;
    };
    beforeAll(async () => {
      Thing = await compile(
        new Schema({
          email: { type: String, unique: true },
          one: { since: text, by: text, note: String, two: { since: text, note: String } },
          inside,
          around: { inside, note: String },
          // Every object inherits one.
          valueOf: text,
        } as never),
      );
    });
    beforeEach(() => Thing.deleteMany());

    const kept = { since: 's', by: 'b' };
    const all = { ...kept, note: 'old', two: { since: '2', note: 'old' } };
    it.each<[string, stored: Doc, given: Doc, expected: Doc]>([
      [
        'in a nested object that is given',
        { one: all },
        { one: { note: 'new', since: 'x' } },
        { one: { ...kept, note: 'new', two: { since: '2' } } },
      ],
      ['in one that is not given', { one: all }, {}, { one: { ...kept, two: { since: '2' } } }],
      ['where there is something', { one: { note: 'old', two: { note: 'old' } } }, {}, {}],
      [
        'in a subdocument that is given',
        { inside: { since: 's', note: 'old' } },
        { inside: { note: 'new' } },
        { inside: { since: 's', note: 'new' } },
      ],
      [
        'but not in a subdocument that is left out, or null',
        { inside: { since: 's' }, around: { inside: { since: 's' }, note: 'old' } },
        { around: { inside: null } },
        { around: { inside: null } },
      ],
      ['by whatever name', { valueOf: 'v' }, { valueOf: 'w' }, { valueOf: 'v' }],
      ['and makes nothing up under such a name', {}, {}, {}],
    ])('%s', async (_, stored, given, expected) => {
      expect(await replace(stored, given)).toEqual(expected);
    });

    it("in a subdocument that the query's middleware puts in", async () => {
      const schema = new Schema({ email: { type: String, unique: true }, inside });
      schema.pre('findOneAndUpdate', function () {
        this.set('inside.note', 'new');
      });
      const Other = await compile(schema as unknown as Schema);
      await Other.collection.insertOne({ email: 'a', inside: { since: 's', note: 'old' } });
      await Other.saveOrUpsert({ email: 'a' }, { onConflict: 'replace' });
      expect(await Other.collection.findOne()).toMatchObject({
        inside: { since: 's', note: 'new' },
      });
    });

    it('takes a new value as middleware leaves it, also where middleware reads isNew', async () => {
      const schema = new Schema({
        email: { type: String, unique: true },
        ssn: text,
        sub: new Schema({ ssn: text, note: String }, { _id: false }),
      });
      schema.pre('save', function (this: Doc & { isModified(path: string): boolean }) {
        if (this['isNew'] && this.isModified('ssn')) this['ssn'] = `#${String(this['ssn'])}`;
        const sub = this['sub'] as Doc;
        if (sub['isNew']) sub['ssn'] = `#${String(sub['ssn'])}`;
      } as never);
      const Other = await compile(schema as unknown as Schema);
      await Other.collection.insertOne({ email: 'a' });
      const input = { email: 'a', ssn: '1', sub: { ssn: '2', note: 'n' } };
      await Other.saveOrUpsert(input as never, { onConflict: 'replace' });
      expect(await Other.collection.findOne()).toMatchObject({
        ssn: '#1',
        sub: { ssn: '#2', note: 'n' },
      });
    });

    it('and has none of it in a new document', async () => {
      await Thing.saveOrUpsert({ email: 'a' }, { onConflict: 'replace' });
      expect(Object.keys((await Thing.collection.findOne()) as Doc).sort()).toEqual([
        '__v',
        '_id',
        'email',
      ]);
    });
  });

  it('takes a text that begins with $ as the text it is', async () => {
    const options = { onConflict: 'replace' } as const;
    const document = await onExisting(
      { email: 'a@x', name: '$email', meta: { $x: '$name' } },
      options,
    );
    expect(document).toMatchObject({ name: '$email', meta: { $x: '$name' } });
  });

  it('stores a name that begins with $, as save() does', async () => {
    const schema = new Schema({ email: { type: String, unique: true } }, { strict: false });
    const Loose = await compile(schema as Schema);
    for (const value of [1, 2]) {
      const input = { email: 'a', $price: value };
      await Loose.saveOrUpsert(input, { onConflict: 'replace' });
      expect(await Loose.collection.findOne()).toMatchObject(input);
    }
  });

  it('makes one document of 50 calls at once', async () => {
    const calls = Array.from({ length: 50 }, (_, n) =>
      User.saveOrUpsert({ email: 'a@x', name: `n${String(n)}` }, { onConflict: 'replace' }),
    );
    expect((await Promise.all(calls)).filter(({ created }) => created)).toHaveLength(1);
    expect(await raw()).toHaveLength(1);
  });

  it('replaces by _id as well, with what middleware does for one that is not new', async () => {
    const schema = new Schema({ _id: String, n: Number, role: String });
    schema.pre('save', function (this: Doc) {
      this['role'] = this['isNew'] ? 'new' : 'old';
    });
    const Setting = await compile(schema as unknown as Schema);
    const options = { conflictTarget: '_id', onConflict: 'replace' } as const;
    await Setting.saveOrUpsert({ _id: 'a', n: 1 }, options);
    expect(await Setting.collection.findOne()).toEqual({ _id: 'a', n: 1, role: 'new', __v: 0 });
    await Setting.saveOrUpsert({ _id: 'a', n: 2 }, options);
    expect(await Setting.collection.findOne()).toEqual({ _id: 'a', n: 2, role: 'old', __v: 0 });
  });
});

describe('onConflict: { only } and { except }', () => {
  const PATHS = { ...STORED, updatedAt: expect.any(Date) as Date };

  it('creates a document with all of the input', insertsAllOf({ onConflict: { only: ['name'] } }));

  it('unsets a path that middleware sets in a new document only', async () => {
    const schema = new Schema({ email: { type: String, unique: true }, name: String });
    schema.pre('save', function (this: Doc) {
      if (this['isNew']) this['name'] = 'new';
    } as never);
    const Named = await compile(schema);
    const options = { onConflict: { only: ['name'] } } as const;
    await Named.saveOrUpsert({ email: 'a', name: undefined }, options);
    expect(await Named.collection.findOne()).toMatchObject({ email: 'a', name: 'new' });
    await Named.saveOrUpsert({ email: 'a', name: undefined }, options);
    expect(await Named.collection.findOne()).not.toHaveProperty('name');
  });

  it.each<[NonNullable<SaveOrUpsertOptions['onConflict']>, object]>([
    [{ only: ['name'] }, { ...PATHS, name: 'New' }],
    [{ only: ['address'] }, { ...PATHS, address: { city: 'New', since: old } }],
    [{ only: ['address.city'] }, { ...PATHS, address: { ...STORED.address, city: 'New' } }],
    [
      { only: ['address.zip', 'home.city'] },
      {
        ...PATHS,
        address: { city: 'Old', since: old },
        home: { ...STORED.home, city: 'New' },
      },
    ],
    [{ only: ['ssn', 'createdAt', '_id', 'role'] }, PATHS],
    [{ except: ['name', 'address', 'home'] }, PATHS],
    [
      { except: ['address.zip', 'home'] },
      {
        ...PATHS,
        name: 'New',
        address: { ...STORED.address, city: 'New' },
      },
    ],
    [{ except: ['updatedAt', 'address', 'home'] }, { ...STORED, name: 'New' }],
  ])('%j changes only these paths of a document that exists', async (onConflict, expected) => {
    expect(await onExisting(input(), { onConflict })).toEqual(expected);
  });

  it('writes an array that is listed as a whole', async () => {
    const given = { ...input(), tags: ['new', 'er'] };
    expect(await onExisting(given, { onConflict: { only: ['tags'] } })).toEqual({
      ...PATHS,
      tags: given.tags,
      __v: 4,
    });
  });

  it('takes a path that the schema does not have where it stores any', async () => {
    const schema = new Schema({ email: { type: String, unique: true } }, { strict: false });
    const Person = await compile(schema);
    await Person.collection.insertOne({ email: 'a', one: 1, two: 1 });
    await Person.saveOrUpsert({ email: 'a', one: 2, two: 2 } as never, {
      onConflict: { only: ['two'] },
    });
    expect(await Person.collection.findOne()).toMatchObject({ one: 1, two: 2 });
  });

  it('writes no more of an object that becomes null than is listed', async () => {
    const gone = { email: 'a@x', name: 'New', home: null };
    expect((await onExisting(gone, { onConflict: { only: ['home.city'] } }))['home']).toEqual(
      STORED.home,
    );
    await User.deleteMany();
    expect((await onExisting(gone, { onConflict: { except: ['home.city'] } }))['home']).toEqual(
      STORED.home,
    );
    await User.deleteMany();
    expect((await onExisting(gone, { onConflict: { only: ['home'] } }))['home']).toBeNull();
  });

  it('holds for what middleware changed, too', async () => {
    const schema = new Schema({
      email: { type: String, unique: true },
      name: String,
      slug: String,
    });
    schema.pre('save', function (this: Doc) {
      this['slug'] = String(this['name']).toLowerCase();
    });
    const Person = await compile(schema as unknown as Schema);
    const write = (name: string, only: string[]) =>
      Person.saveOrUpsert({ email: 'a', name }, { onConflict: { only } });
    await write('One', ['name']);
    await write('Two', ['name']);
    expect(await Person.collection.findOne()).toMatchObject({ name: 'Two', slug: 'one' });
    await write('Three', ['name', 'slug']);
    expect(await Person.collection.findOne()).toMatchObject({ name: 'Three', slug: 'three' });
  });
});

describe('onConflict: an update with operators', () => {
  it('are applied to a new document too, and the rest of that is the input', async () => {
    const options = {
      onConflict: { $inc: { logins: 1 }, $push: { tags: 'in' }, $set: { 'address.zip': 9 } },
    };
    expect(await onNew(input(), options)).toEqual({
      ...INSERTED,
      logins: 1,
      tags: ['in'],
      address: { city: 'New', zip: '9' },
    });
  });

  it('are all that is written to one that is there', async () => {
    const options = {
      onConflict: {
        $inc: { logins: '1', 'counts.web': 1 },
        $addToSet: { tags: 'in' },
        $unset: { name: 1 },
      },
    };
    await expect(onExisting(input(), options)).rejects.toMatchObject({
      errors: { name: { kind: 'required' } },
    });
    expect(await raw()).toEqual([STORED]);
    await User.deleteMany();
    const { $unset, ...onConflict } = options.onConflict;
    expect($unset).toBeDefined();
    expect(await onExisting(input(), { onConflict })).toEqual({
      ...STORED,
      logins: 8,
      counts: { web: 1 },
      tags: ['old', 'in'],
      updatedAt: expect.any(Date) as Date,
    });
  });

  it('count each of 50 calls at once', async () => {
    const onConflict = { $inc: { logins: 1 } };
    const calls = Array.from({ length: 50 }, () =>
      User.saveOrUpsert({ email: 'a@x', name: 'A' }, { onConflict }),
    );
    await Promise.all(calls);
    expect(await raw()).toMatchObject([{ logins: 50 }]);
  });

  it('may raise the version key', async () => {
    const onConflict = { $inc: { __v: 1 } };
    expect(await onExisting(input(), { onConflict })).toHaveProperty('__v', STORED.__v + 1);
  });

  it('are applied inside a Map of the input, and the rest of it is inserted', async () => {
    const onConflict = { $inc: { 'counts.a': 5 } };
    const given = { ...input(), counts: { a: 1, b: 2 } };
    expect(await onNew(given, { onConflict })).toMatchObject({ counts: { a: 5, b: 2 } });
  });

  it('take the place of a value that they write into, on insert', async () => {
    const meta = { default: null, type: Schema.Types.Mixed };
    const Page = await compile(new Schema({ url: { type: String, unique: true }, meta }));
    for (const n of [1, 2]) {
      await Page.saveOrUpsert({ url: '/' }, { onConflict: { $inc: { 'meta.n': 1 } } });
      expect(await Page.collection.findOne()).toMatchObject({ url: '/', meta: { n } });
    }
  });

  it('keep immutable paths, and may set one on insert', async () => {
    const onConflict = { $set: { ssn: '3' }, $setOnInsert: { role: 'guest' } };
    expect(await onExisting(input(), { onConflict })).toMatchObject({ ssn: '1', role: 'admin' });
    await User.deleteMany();
    expect(await onNew(input(), { onConflict })).toMatchObject({ ssn: '3', role: 'guest' });
  });

  it("are seen by pre('findOneAndUpdate') middleware, which may hash what they set", async () => {
    const schema = new Schema({ email: { type: String, unique: true }, password: String });
    schema.pre('findOneAndUpdate', function () {
      const { $set } = this.getUpdate() as { $set?: { password?: string } };
      if ($set?.password) this.set('password', `hashed ${$set.password}`);
    });
    const Person = await compile(schema as unknown as Schema);
    for (const password of ['one', 'two']) {
      await Person.saveOrUpsert({ email: 'a' }, { onConflict: { $set: { password } } });
      expect(await Person.collection.findOne()).toMatchObject({ password: `hashed ${password}` });
    }
  });
});

describe('validateModifiedOnly', () => {
  const options = { validateModifiedOnly: true };
  const partial = { email: 'a@x', role: 'guest' };

  it('accepts a part of a document that is there', async () => {
    expect(await onExisting(partial, options)).toEqual({
      ...STORED,
      role: 'guest',
      updatedAt: expect.any(Date) as Date,
    });
  });

  it.each<SaveOrUpsertOptions>([
    {},
    { onConflict: 'skip' },
    { onConflict: { $inc: { logins: 1 } } },
  ])(
    'rejects for what is missing where it would have to insert, and writes nothing: %j',
    async (more) => {
      await expect(User.saveOrUpsert(partial, { ...options, ...more })).rejects.toMatchObject({
        name: 'ValidationError',
        errors: { name: { kind: 'required' } },
      });
      expect(await raw()).toEqual([]);
    },
  );

  it('creates where nothing is missing', async () => {
    expect(await onNew(input(), options)).toEqual(INSERTED);
  });

  it('rejects what is wrong with the given paths, and sends nothing', async () => {
    const driver = jest.spyOn(User.collection, 'findOneAndUpdate');
    for (const wrong of [{ logins: -1 }, { name: null }, { logins: 'many' }]) {
      const write = User.saveOrUpsert({ email: 'a@x', ...wrong } as never, options);
      await expect(write).rejects.toHaveProperty('name', 'ValidationError');
    }
    expect(driver).not.toHaveBeenCalled();
    driver.mockRestore();
  });

  it('is false unless it is asked for', async () => {
    await User.collection.insertOne({ ...STORED });
    await expect(User.saveOrUpsert(partial)).rejects.toHaveProperty('errors.name.kind', 'required');
    expect(await raw()).toEqual([STORED]);
  });
});

describe('bad options', () => {
  it.each<[object, RegExp]>([
    [
      { onConflict: 'ignore' },
      /onConflict is "ignore"; it must be "update", "skip", "replace", \{ only/,
    ],
    [
      { update: ['name'] },
      /options\.update is \["name"\]; write onConflict: \{"only":\["name"\]\} instead/,
    ],
    [
      { update: { $inc: { n: 1 } } },
      /options\.update is .*; write onConflict: \{"\$inc":\{"n":1\}\} instead/,
    ],
    [
      { saveMiddleware: 'skip' },
      /options\.saveMiddleware is "skip"; write middleware: false instead/,
    ],
    [{ saveMiddleware: 'run' }, /options\.saveMiddleware is "run"; write middleware: true instead/],
    [{ middleware: 'no' }, /middleware is "no"; it must be true, false, \{ pre: false \} or/],
    [{ middleware: { save: false } }, /middleware is \{"save":false\}; it must be/],
    [{ middleware: { pre: 0 } }, /middleware is \{"pre":0\}; it must be/],
    [{ middleware: null }, /middleware is null; it must be/],
    [{ timestamps: 'no' }, /timestamps is "no"; it must be true or false/],
    [{ onConflict: 'replace', validateModifiedOnly: true }, /needs a whole document/],
    [{ validateModifiedOnly: 1 }, /validateModifiedOnly is 1; it must be true or false/],
    [{ maxRetries: -1 }, /maxRetries is -1; it must be a whole number from 0 to 100/],
    [{ maxRetries: 1.5 }, /maxRetries is 1.5/],
    [{ maxRetries: Infinity }, /maxRetries is/],
    [{ onConflict: { only: [] } }, /onConflict is \{"only":\[\]\}; it must be "update", "skip"/],
    [{ onConflict: { only: 'name' } }, /onConflict is \{"only":"name"\}; it must be/],
    [{ onConflict: { only: ['name'], except: ['x'] } }, /onConflict is/],
    [{ onConflict: ['name'] }, /onConflict is \["name"\]; it must be .*\{ only: \[paths\] \}/],
    [{ onConflict: null }, /onConflict is null; it must be/],
    [{ onConflict: {} }, /onConflict is \{\}; it must be/],
    [{ onConflict: { logins: 1 } }, /onConflict is \{"logins":1\}; it must be.*\$inc/],
    [{ onConflict: [{ $set: { name: 'x' } }] }, /onConflict is \[\{/],
    [{ onConflict: { $inc: 1 } }, /onConflict is/],
    [{ onConflict: { except: 'name' } }, /onConflict is/],
    [{ onConflict: { $increment: { logins: 1 } } }, /operator "\$increment"; allowed are \$set/],
    [{ onConflict: { only: ['nmae'] } }, /the path "nmae", which the schema of \w+ does not have/],
    [{ onConflict: { except: ['nmae'] } }, /the path "nmae"/],
    [{ onConflict: { $inc: { nmae: 1 } } }, /the path "nmae"/],
    [{ onConflict: { only: ['tags.0'] } }, /"tags.0", which is inside an array/],
    [{ onConflict: { $set: { email: 'b@x' } } }, /writes "email", which identifies the document/],
    [{ onConflict: { $rename: { name: 'email' } } }, /writes "email"/],
    [{ onConflict: { $set: { _id: 1 } } }, /writes "_id"/],
    [{ onConflict: { $unset: { 'email.x': 1 } } }, /"email.x"/],
  ])('%j: a TypeError that says what to write; nothing is sent', async (options, message) => {
    const driver = jest.spyOn(User.collection, 'findOneAndUpdate');
    const error = await rejection(User.saveOrUpsert({ email: 'a@x', name: 'A' }, options));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(message);
    expect(driver).not.toHaveBeenCalled();
    driver.mockRestore();
  });

  it('a path of the target is refused also where it is nested', async () => {
    const Person = await compile(
      new Schema({ profile: { handle: { type: String, unique: true } } }),
    );
    for (const path of ['profile', 'profile.handle']) {
      const options = { onConflict: { $set: { [path]: 1 } } };
      const write = Person.saveOrUpsert({ profile: { handle: 'a' } } as never, options);
      await expect(write).rejects.toThrow(`writes "${path}", which identifies the document`);
    }
  });
});

describe("what pre('findOneAndUpdate') middleware adds", () => {
  const schema = (add: (query: { set: (path: string, value: unknown) => void }) => void) =>
    new Schema({
      email: { type: String, unique: true },
      n: Number,
      by: { type: String, default: 'nobody' },
      meta: { by: String, n: { type: Number, default: 1 } },
      other: { by: String },
    }).pre('findOneAndUpdate', function () {
      add(this);
    });

  it.each(['update', 'skip', 'replace'] as const)(
    'goes with %s, beats defaults, and never what the input gives',
    async (onConflict) => {
      const Thing = await compile(
        schema((query) => {
          query.set('by', 'middleware');
          query.set('meta.by', 'middleware');
          query.set('other.by', 'middleware');
          query.set('n', 99);
        }),
      );
      await Thing.saveOrUpsert({ email: 'a', n: 1 }, { onConflict });
      const inserted = await Thing.collection.findOne();
      const added = { by: 'middleware', other: { by: 'middleware' } };
      expect(inserted).toMatchObject({ ...added, n: 1, meta: { by: 'middleware', n: 1 } });
      const old = { by: 'x', 'meta.by': 'x', 'other.by': 'x', n: 5 };
      await Thing.collection.updateOne({}, { $set: old });
      await Thing.saveOrUpsert({ email: 'a', n: 2 }, { onConflict });
      const expected =
        onConflict === 'skip'
          ? { n: 5, by: 'x', meta: { by: 'x' }, other: { by: 'x' } }
          : { ...added, n: 2, meta: { by: 'middleware' } };
      expect(await Thing.collection.findOne()).toMatchObject(expected);
    },
  );

  it.each(['update', 'skip', 'replace'] as const)(
    'may not be a pipeline with %s: nothing is sent',
    async (onConflict) => {
      const Thing = await compile(
        schema((query) => {
          const changed = query as unknown as Record<
            'setUpdate' | 'setOptions',
            (a: unknown) => void
          >;
          changed.setOptions({ updatePipeline: true });
          changed.setUpdate([{ $set: { n: 1 } }]);
        }),
      );
      await expect(Thing.saveOrUpsert({ email: 'a' }, { onConflict })).rejects.toThrow(
        "pre('findOneAndUpdate') middleware made the update a pipeline",
      );
      expect(await Thing.countDocuments()).toBe(0);
    },
  );

  it.each(['skip', 'replace'] as const)(
    'may not be another operator with %s: nothing is sent',
    async (onConflict) => {
      const Thing = await compile(
        schema((query) => {
          (query as unknown as { getUpdate(): Doc }).getUpdate()['$inc'] = { n: 1 };
        }),
      );
      await expect(Thing.saveOrUpsert({ email: 'a' }, { onConflict })).rejects.toThrow(
        `added "$inc", which is not allowed with onConflict: "${onConflict}"`,
      );
      expect(await Thing.countDocuments()).toBe(0);
    },
  );
});
