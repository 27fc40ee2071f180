import { Schema, Types } from 'mongoose';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const email = { type: String, unique: true };
type Hooked = Doc & { isModified(path: string): boolean; isNew: boolean };
const shout = (value: unknown) => `${String(value)}!`;

const ID = new Types.ObjectId();

interface Case {
  schema: () => Schema;
  /** What lies in the database before an update. */
  stored: Doc;
  input: () => Doc;
}

/** Each is stored as `new Model(input).save()` and as `doc.set(input); doc.save()` would store it. */
const CASES: Record<string, Case> = {
  'defaults of every kind are for a new document alone': {
    schema: () =>
      new Schema({
        email,
        role: { type: String, default: 'user' },
        roles: { type: [{ _id: false, name: String }], default: [{ name: 'user' }] },
        prefs: { type: Map, of: String, default: { theme: 'light' } },
        nested: {
          a: { type: Number, default: 1 },
          map: { type: Map, of: String, default: { x: '1' } },
        },
        sub: { type: new Schema({ a: Number }, { _id: false }), default: () => ({ a: 1 }) },
      }),
    stored: {
      email: 'a@x',
      role: 'admin',
      roles: [{ name: 'admin' }],
      prefs: { theme: 'dark', size: 'l' },
      nested: { a: 2, map: { x: '2', y: '3' } },
      sub: { a: 2 },
    },
    input: () => ({ email: 'a@x' }),
  },
  'objects, arrays and Maps that are given are written as a whole': {
    schema: () =>
      new Schema({
        email,
        nested: { a: { type: Number, default: 7 }, b: String },
        sub: new Schema({ a: { type: Number, default: 7 }, b: String }, { _id: false }),
        list: [{ _id: false, a: { type: Number, default: 7 }, b: String }],
        tags: [String],
        map: { type: Map, of: String },
        mapOfSub: { type: Map, of: new Schema({ a: Number }, { _id: false }) },
        mixed: {},
      }),
    stored: {
      email: 'a@x',
      nested: { a: 1, b: 'old' },
      sub: { a: 1, b: 'old' },
      list: [{ a: 1, b: 'old' }, { a: 2 }],
      tags: ['1', '2'],
      map: { k: '1', l: '2' },
      mapOfSub: { k: { a: 1 } },
      mixed: { old: 1 },
    },
    input: () => ({
      email: 'a@x',
      nested: { b: 'new' },
      sub: { b: 'new' },
      list: [{ b: 'new' }],
      tags: ['3'],
      map: { k: '3' },
      mapOfSub: { m: { a: 3 } },
      mixed: { $in: 1 },
    }),
  },
  'values keep their types': {
    schema: () =>
      new Schema({
        email,
        n: Schema.Types.Decimal128,
        b: Buffer,
        d: Date,
        i: BigInt,
        u: Schema.Types.UUID,
        o: Schema.Types.ObjectId,
      }),
    stored: { email: 'a@x', n: Types.Decimal128.fromString('1.0') },
    input: () => ({
      email: 'a@x',
      n: '2.50',
      b: Buffer.from('x'),
      d: '2026-01-01',
      i: '9007199254740993',
      u: '09190f70-3d30-11e5-8814-0f4df9a59c41',
      o: '64b000000000000000000001',
    }),
  },
  'setters run once, aliases and virtual setters lead to their paths': {
    schema: () => {
      const schema = new Schema({
        email,
        n: { type: String, alias: 'name', set: shout },
        first: String,
        last: String,
      });
      schema.virtual('full').set(function (this: Doc, full: string) {
        [this['first'], this['last']] = full.split(' ');
      });
      return schema;
    },
    stored: { email: 'a@x', n: 'old', first: 'Old' },
    input: () => ({ email: 'a@x', name: 'new', full: 'Alice X' }),
  },
  'immutable paths keep what they have, in a subdocument too': {
    schema: () =>
      new Schema({
        email,
        ssn: { type: String, immutable: true },
        sub: new Schema({ ssn: { type: String, immutable: true }, b: String }, { _id: false }),
      }),
    stored: { email: 'a@x', ssn: '1', sub: { ssn: '1', b: 'old' } },
    input: () => ({ email: 'a@x', ssn: '2', sub: { ssn: '2', b: 'new' } }),
  },
  'a given path that is undefined or null': {
    schema: () => new Schema({ email, a: String, b: String }),
    stored: { email: 'a@x', a: '1', b: '2' },
    input: () => ({ email: 'a@x', a: undefined, b: null }),
  },
  'middleware that reads isNew runs on values of its own, defaults of subdocuments stay': {
    schema: () => {
      const schema = new Schema({
        email,
        password: String,
        role: String,
        addresses: [
          new Schema({ city: String, kind: { type: String, default: 'home' } }, { _id: false }),
        ],
        secret: {},
        log: [String],
      });
      schema.pre('save', function (this: Hooked) {
        if (this.isNew) this['role'] = 'member';
        if (this.isNew || this.isModified('password')) this['password'] = shout(this['password']);
        const secret = this['secret'] as Doc;
        secret['text'] = shout(secret['text']);
      } as never);
      return schema;
    },
    stored: { email: 'a@x', password: 'old!', role: 'admin', log: ['1'] },
    input: () => ({
      email: 'a@x',
      password: 'new',
      addresses: [{ city: 'X' }],
      secret: { text: 's' },
    }),
  },
  "pre('validate') counts too": {
    schema: () => {
      const schema = new Schema({ email, name: String, slug: String, role: String });
      schema.pre('validate', function (this: Hooked) {
        if (this['name']) this['slug'] = (this['name'] as string).toLowerCase();
        if (this.isNew) this['role'] = 'new';
      } as never);
      return schema;
    },
    stored: { email: 'a@x', name: 'OLD', slug: 'old', role: 'admin' },
    input: () => ({ email: 'a@x', name: 'NEW' }),
  },
  'unknown paths are dropped where the schema is strict': {
    schema: () => new Schema({ email, nested: { a: Number }, sub: new Schema({ a: Number }) }),
    stored: { email: 'a@x', other: 1 },
    input: () => ({ email: 'a@x', other: 2, nested: { a: 1, b: 2 }, sub: { _id: ID, a: 1, b: 2 } }),
  },
  'unknown paths are stored where it is not': {
    schema: () =>
      new Schema({ email, sub: new Schema({ a: Number }, { strict: false }) }, { strict: false }),
    stored: { email: 'a@x', other: 1, more: { b: 1 }, sub: { a: 1, z: 1 } },
    input: () => ({
      email: 'a@x',
      other: 2,
      more: { a: [1, { b: null }] },
      sub: { _id: ID, b: 2 },
    }),
  },
  'empty objects are left out': {
    schema: () => new Schema({ email, mixed: {}, nested: { a: Number, b: { c: Number } } }),
    stored: { email: 'a@x', mixed: { a: 1 }, nested: { a: 1 } },
    input: () => ({ email: 'a@x', mixed: {}, nested: { b: {} } }),
  },
  'empty objects are stored with minimize: false': {
    schema: () =>
      new Schema(
        { email, mixed: {}, nested: { a: Number, b: { c: Number } } },
        { minimize: false },
      ),
    stored: { email: 'a@x', mixed: { a: 1 }, nested: { a: 1 } },
    input: () => ({ email: 'a@x', mixed: {}, nested: { b: {} } }),
  },
  'no version key': {
    schema: () => new Schema({ email, list: [Number] }, { versionKey: false }),
    stored: { email: 'a@x', list: [1] },
    input: () => ({ email: 'a@x', list: [2] }),
  },
  'a version key of another name': {
    schema: () => new Schema({ email, list: [Number] }, { versionKey: 'version' }),
    stored: { email: 'a@x', list: [1], version: 5 },
    input: () => ({ email: 'a@x', list: [2] }),
  },
  'timestamps of other names, and of subdocuments': {
    schema: () =>
      new Schema(
        { email, sub: new Schema({ a: Number }, { _id: false, timestamps: true }) },
        { timestamps: { createdAt: 'made', updatedAt: false } },
      ),
    stored: { email: 'a@x', made: new Date(0) },
    input: () => ({ email: 'a@x', made: new Date(1), sub: { a: 1 } }),
  },
  'middleware that adds to an array or a Map adds, and one that only tidies changes nothing': {
    schema: () => {
      const schema = new Schema({
        email,
        log: [String],
        marks: [String],
        tags: [String],
        map: { type: Map, of: String, default: {} },
      });
      schema.pre('save', function (this: Hooked) {
        (this['log'] as string[]).push('saved');
        (this['marks'] as Types.Array<string>).addToSet('1');
        this['tags'] = (this['tags'] as string[]).map((tag) => tag.trim());
        (this['map'] as Map<string, string>).set('saved', '1');
      } as never);
      return schema;
    },
    stored: { email: 'a@x', log: ['1'], marks: ['1'], tags: ['t'], map: { old: '1' } },
    input: () => ({ email: 'a@x' }),
  },
  'middleware that does more to an array than to add writes it as a whole': {
    schema: () => {
      const list = { type: [String], default: ['1', '2'] };
      const paths = { pulled: list, popped: list, sorted: list, first: list, both: list };
      const schema = new Schema({ email, ...paths, any: { type: {}, default: ['1'] } });
      schema.pre('save', function (this: Hooked) {
        const [pulled, popped, sorted, first, both] = Object.keys(paths).map(
          (path) => this[path] as Types.Array<string>,
        );
        pulled?.pull('1');
        popped?.$pop();
        sorted?.sort((a, b) => b.localeCompare(a));
        first?.push({ $each: ['0'], $position: 0 } as never);
        both?.push('3');
        both?.set(0, '0');
        this['any'] = ['2'];
      } as never);
      return schema;
    },
    stored: {
      email: 'a@x',
      pulled: ['1', '2'],
      popped: ['1', '2'],
      sorted: ['1', '2'],
      first: ['1', '2'],
      both: ['1', '2'],
      any: ['1'],
    },
    input: () => ({ email: 'a@x' }),
  },
};

function withoutNow(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() > Date.now() - 60_000 ? 'now' : value;
  if (Array.isArray(value)) return value.map(withoutNow);
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  if ('_bsontype' in (value as object)) return value;
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.map(([name, one]) => [name, withoutNow(one)]));
}

/** Without what differs between any two saves: ids and the time. */
const comparable = ({ _id, ...rest }: Doc): Doc => ({
  ...(withoutNow(rest) as Doc),
  hasId: _id !== undefined,
});

const WRITES: Record<string, (model: AnyModel, input: Doc) => Promise<unknown>> = {
  saveOrUpsert: (model, input) => model.saveOrUpsert(input, { conflictTarget: 'email' }),
  saveOrUpsertMany: async (model, input) => {
    const outcome = await model.saveOrUpsertMany([input], { conflictTarget: 'email' });
    expect(outcome).toMatchObject({ failed: 0 });
  },
};
const TABLE = Object.entries(CASES).flatMap(([title, one]) =>
  Object.entries(WRITES).map(([name, write]) => [name, title, { ...one, write }] as const),
);

describe.each(TABLE)('%s: %s', (_name, _title, { schema, stored, input, write: upsert }) => {
  let model: AnyModel;
  beforeAll(async () => {
    model = await compile(schema());
  });
  const afterBoth = async (save: () => Promise<unknown>, prepare: () => Promise<unknown>) => {
    const results: Doc[] = [];
    for (const write of [save, () => upsert(model, input())]) {
      await model.deleteMany();
      await prepare();
      await write();
      const documents = await model.collection.find().toArray();
      expect(documents).toHaveLength(1);
      results.push(comparable(documents[0] as Doc));
    }
    return results;
  };

  it('on insert', async () => {
    const [saved, upserted] = await afterBoth(
      () => new model(input()).save(),
      () => Promise.resolve(),
    );
    expect(upserted).toEqual(saved);
  });

  it('on update', async () => {
    const update = async () => {
      const document = await model.findOne();
      await document?.set(input()).save();
    };
    const [saved, upserted] = await afterBoth(update, () =>
      model.collection.insertOne({ ...stored }),
    );
    expect(upserted).toEqual(saved);
  });
});

it('timestamps are those of a save', async () => {
  const Thing = await compile(new Schema({ email, name: String }, { timestamps: true }));
  const old = new Date(0);
  await Thing.collection.insertOne({ email: 'a@x', createdAt: old, updatedAt: old });
  const before = await Thing.findOne().lean();
  const { doc } = await Thing.saveOrUpsert({ ...before, name: 'n' } as never);
  expect(doc.createdAt).toEqual(old);
  expect(doc.updatedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
});

it('a discriminator that the input names has its own middleware and its own documents', async () => {
  const User = await compile(new Schema({ email, password: String }, { discriminatorKey: 'kind' }));
  const admin = new Schema({ level: { type: Number, immutable: true } });
  admin.pre('save', function (this: Hooked) {
    if (this.isModified('password')) this['password'] = shout(this['password']);
  } as never);
  User.discriminator('Admin', admin, 'admin');
  for (const level of [1, 2]) {
    await User.saveOrUpsert({ kind: 'admin', email: 'a@x', password: 'p', level } as never);
    expect(await User.collection.findOne()).toMatchObject({
      kind: 'admin',
      password: 'p!',
      level: 1,
    });
  }
});

it('the input stays as it was', async () => {
  const schema = new Schema({ email, mixed: {} });
  schema.pre('save', function (this: Hooked) {
    if (this.isNew) (this['mixed'] as Doc)['new'] = true;
  } as never);
  const Thing = await compile(schema);
  await Thing.create({ email: 'a@x', mixed: { a: 1 } });
  await Thing.saveOrUpsert({ email: 'a@x', mixed: { a: 2 } });
  expect(await Thing.collection.findOne()).toMatchObject({ mixed: { a: 2 } });
  expect(await Thing.collection.findOne()).not.toHaveProperty('mixed.new');
});

describe('the conflict target', () => {
  it('is never a default: that is the key of everybody who gave none', async () => {
    const Thing = await compile(new Schema({ email: { ...email, default: 'none' }, n: Number }));
    await Thing.create({ n: 1 });
    await expect(Thing.saveOrUpsert({ n: 2 }, { conflictTarget: 'email' })).rejects.toThrow(
      '`email`',
    );
    await expect(Thing.saveOrUpsert({ n: 2 }, { conflictTarget: '_id' })).rejects.toThrow('`_id`');
    expect(await Thing.collection.findOne()).toMatchObject({ n: 1 });
  });

  it('may be made by middleware', async () => {
    const schema = new Schema({ title: String, slug: { type: String, unique: true } });
    schema.pre('save', function (this: Hooked) {
      this['slug'] = String(this['title']).toLowerCase();
    } as never);
    const Page = await compile(schema);
    for (const title of ['Home', 'HOME']) {
      await Page.saveOrUpsert({ title }, { conflictTarget: 'slug' });
    }
    expect(await Page.collection.find().toArray()).toMatchObject([{ slug: 'home', title: 'HOME' }]);
  });

  it('is found among what is given, not among defaults', async () => {
    const code = { type: String, unique: true, default: () => new Types.ObjectId().toHexString() };
    const Thing = await compile(
      new Schema({ email, sub: { type: new Schema({ code }), default: () => ({}) } }),
    );
    expect(await Thing.saveOrUpsert({ email: 'a@x' })).toMatchObject({ created: true });
    expect(await Thing.saveOrUpsert({ email: 'a@x' })).toMatchObject({ created: false });
  });
});

describe('a path with a dot in it', () => {
  const schema = () =>
    new Schema({
      email,
      nested: { a: String, b: String },
      sub: new Schema({ a: String }),
      tags: [String],
      map: { type: Map, of: String },
    });

  it('into a nested object changes that leaf', async () => {
    const Thing = await compile(schema());
    await Thing.collection.insertOne({ email: 'a@x', nested: { a: '1', b: '2' } });
    await Thing.saveOrUpsert({ email: 'a@x', 'nested.a': '3' } as never);
    expect(await Thing.collection.findOne()).toMatchObject({ nested: { a: '3', b: '2' } });
  });

  it.each(['sub.a', 'tags.0', 'map.k'])('into anything else is refused: %s', async (path) => {
    const Thing = await compile(schema());
    const write = Thing.saveOrUpsert({ email: 'a@x', [path]: 'x' } as never);
    await expect(write).rejects.toThrow(
      `the input has the path "${path}"; write the whole value instead`,
    );
    expect(await Thing.countDocuments()).toBe(0);
  });
});
