import { Schema, Types } from 'mongoose';
import {
  isDuplicateKeyError,
  uniqueGuard,
  type UniqueGuardOptions,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { watchCommands } from '../support/commands';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);
let commands: ReturnType<typeof watchCommands>;
beforeAll(() => {
  commands = watchCommands(mongoose);
});

const unique = { unique: true } as const;
const collectAll = { collectAll: true } as const;
const call = { uniqueGuard: collectAll };
const isMongoose8 = mongoose.version.startsWith('8.');

const userSchema = () =>
  new Schema({
    email: { type: String, unique: true },
    username: { type: String, unique: [true, 'name taken'] },
    tenant: String,
    slug: String,
    phone: { type: String, unique: true, sparse: true },
    n: Number,
  } as never).index({ tenant: 1, slug: 1 }, unique) as Schema;
const taken = { email: 'e', username: 'u', tenant: 't', slug: 's', phone: 'p' };
const free = { email: 'e2', username: 'u2', tenant: 't2', slug: 's2', phone: 'p2' };

const pathsOf = (error: unknown) => Object.keys((error as UniqueValidationError).errors);
const shown = (error: unknown) =>
  Object.entries((error as UniqueValidationError).errors).map(([path, one]) => [
    path,
    one.kind,
    one.message,
    one.value,
    one.properties.index,
  ]);
const ALL = ['email', 'phone', 'slug', 'tenant', 'username'];

const COLLECTING = WRITES.filter(({ shape, name }) => shape === 'single' && name !== 'updateMany');

describe('collectAll: one error reports every conflicting field', () => {
  let model: AnyModel;
  let plain: AnyModel;
  beforeAll(async () => {
    model = await compile(userSchema(), collectAll);
    plain = await compile(userSchema());
  });

  it.each(COLLECTING)('$name', async ({ run, writes }) => {
    await model.deleteMany();
    await model.create(taken);
    const { _id } = (await model.create(free)) as { _id: unknown };
    commands.take();
    const error = await rejection(
      run(model, { ...(writes === 'new' && { _id: new Types.ObjectId() }), ...taken, n: 1 }, _id),
    );
    expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
    expect(isDuplicateKeyError(error)).toBe(true);
    expect(pathsOf(error).sort()).toEqual(ALL);
    // The one that the server reported stands first, in the message too.
    const [first] = pathsOf(error);
    const keyPattern = Object.keys((error as { cause: Doc })['cause']['keyPattern'] as Doc);
    expect(keyPattern[0]).toBe(first);
    expect((error as Error).message).toContain(`validation failed: ${String(first)}: `);
    for (const path of ALL) expect((error as Error).message).toContain(path);
    expect(Object.keys(error as object).sort()).toEqual(['_message', 'errors']);
    const finds = commands.take().filter((one) => 'filter' in one && 'maxTimeMS' in one);
    // One for each index that the write can violate, the reported one aside.
    expect(finds.length).toBeGreaterThanOrEqual(3);
    expect(finds.length).toBeLessThanOrEqual(4);
    for (const { limit } of finds) expect([1, 2]).toContain(limit);
  });

  it.each(WRITES.filter((write) => !COLLECTING.includes(write)))(
    '$name is not covered: the error of one index',
    async ({ run, writes }) => {
      await model.deleteMany();
      await model.create(taken);
      const { _id } = (await model.create(free)) as { _id: unknown };
      const document = { ...(writes === 'new' && { _id: new Types.ObjectId() }), ...taken };
      const error = await rejection(run(model, document, _id));
      expect(pathsOf(error).length).toBeLessThan(3);
    },
  );

  it('reports each field as a single violation of its index would be reported', async () => {
    await model.deleteMany();
    await model.create(taken);
    const all = shown(await rejection(model.create(taken)));
    for (const own of [
      { email: 'e' },
      { username: 'u' },
      { phone: 'p' },
      { tenant: 't', slug: 's' },
    ]) {
      const others = { username: 'x', email: 'x', tenant: 'x', slug: 'x', phone: 'x' };
      const one = shown(await rejection(model.create({ ...others, ...own })));
      expect(all).toEqual(expect.arrayContaining(one));
      expect(one).toHaveLength(Object.keys(own).length);
    }
  });

  it('can be turned on and off for one call', async () => {
    const writes = (M: AnyModel, options: Doc, id: unknown): Promise<unknown>[] => [
      rejection(new M(taken).save(options)),
      rejection(M.create([taken], options)),
      rejection(M.insertOne(taken, options)),
      rejection(M.updateOne({ _id: id }, taken, options).exec()),
      rejection(M.updateOne({ _id: id }, taken).setOptions(options).exec()),
      rejection(M.findOneAndUpdate({ _id: id }, taken, options).exec()),
      rejection(M.findByIdAndUpdate(id, taken, options).exec()),
      rejection(M.replaceOne({ _id: id }, taken, options).exec()),
      rejection(M.findOneAndReplace({ _id: id }, taken, options).exec()),
      rejection(new M({ _id: id }).updateOne(taken, options).exec()),
    ];
    for (const M of [model, plain]) {
      await M.deleteMany();
      await M.create(taken);
      const { _id } = (await M.create(free)) as { _id: unknown };
      for (const [given, count] of [
        [true, 5],
        [false, 1],
        [undefined, M === model ? 5 : 1],
      ] as const) {
        commands.take();
        const errors = await Promise.all(writes(M, { uniqueGuard: { collectAll: given } }, _id));
        expect(errors.map((error) => pathsOf(error).length)).toEqual(errors.map(() => count));
        // Mongoose keeps an option that it does not know to itself.
        expect(JSON.stringify(commands.take())).not.toContain('uniqueGuard');
      }
      for (const strange of [null, {}, true, 'collectAll']) {
        const [error] = await Promise.all(writes(M, { uniqueGuard: strange }, _id));
        expect(pathsOf(error)).toHaveLength(M === model ? 5 : 1);
      }
    }
  });

  it('does not affect a successful write, and sends nothing for it', async () => {
    await model.deleteMany();
    commands.take();
    const document = await model.create([free], call);
    await model.updateOne({ email: 'e2' }, { n: 2 }, call as never);
    await model.findOneAndUpdate({ email: 'e2' }, { n: 3 }, call);
    await model.replaceOne({ email: 'e2' }, { ...free, n: 4 }, call as never);
    const sent = commands.take();
    expect(sent.map((one) => Object.keys(one)[0])).toEqual([
      'insert',
      'update',
      'findAndModify',
      'update',
    ]);
    expect(JSON.stringify(sent)).not.toContain('uniqueGuard');
    expect(document).toHaveLength(1);
  });
});

describe('the lookup', () => {
  it('sends one query for each index, under its collation, to the primary, with a limit', async () => {
    const collation = { locale: 'en', strength: 2 };
    const schema = userSchema()
      .index({ n: 1 }, unique)
      .add({ nick: { type: String }, label: { type: String }, more: String });
    schema.index({ nick: 1 }, { unique: true, collation });
    schema.index({ label: 1 }, { unique: true, collation });
    schema.index({ more: 1 }, { unique: true, collation: { locale: 'de', strength: 1 } });
    const model = await compile(schema, collectAll);
    await model.create({ ...taken, n: 1, nick: 'N', label: 'L', more: 'M' });
    commands.take();
    const document = { ...taken, n: 1, nick: 'n', label: 'l', more: 'm', slug: 'free' };
    const error = await rejection(model.create(document));
    expect(pathsOf(error).sort()).toEqual([
      'email',
      'label',
      'more',
      'n',
      'nick',
      'phone',
      'username',
    ]);
    expect(error).toHaveProperty('errors.nick.value', 'n');
    const finds = commands.take().filter((one) => 'find' in one);
    const collations = Object.fromEntries(
      finds.map((find) => [
        Object.keys(find['filter'] as Doc).join(),
        find['collation'] as unknown,
      ]),
    );
    expect(collations).toEqual({
      _id: undefined,
      username: undefined,
      phone: undefined,
      'tenant,slug': undefined,
      n: undefined,
      nick: collation,
      label: collation,
      more: { locale: 'de', strength: 1 },
    });
    for (const find of finds) {
      expect(find).toMatchObject({ maxTimeMS: 1000, limit: 1, projection: { _id: 1 } });
      expect(find['$readPreference']).toBeUndefined();
    }
  });

  it('reads from the primary, with any read preference of the schema and the connection', async () => {
    const model = await compile(userSchema().set('read', 'secondary'), collectAll);
    await model.create(taken);
    const find = jest.spyOn(model.collection, 'find');
    expect(pathsOf(await rejection(model.create(taken)))).toHaveLength(5);
    expect(pathsOf(await model.checkUnique(taken as never))).toHaveLength(5);
    const options = find.mock.calls.map(([, given]) => given as Doc);
    expect(options).toHaveLength(8);
    for (const { readPreference } of options) expect(readPreference).toBe('primary');
    expect(options.map(({ maxTimeMS }) => maxTimeMS as unknown).filter(Boolean)).toHaveLength(4);
  });

  it("works with the model's find middleware and with sanitizeFilter", async () => {
    const schema = userSchema().set('strictQuery', true);
    schema.pre('find', function () {
      void this.where({ n: -1 });
    });
    const model = await compile(schema, collectAll);
    await model.create(taken);
    mongoose.set('sanitizeFilter', true);
    try {
      expect(pathsOf(await rejection(model.create(taken)))).toHaveLength(5);
    } finally {
      mongoose.set('sanitizeFilter', false);
    }
  });

  it.each<[string, Error | (() => Promise<never>), string]>([
    ['an error of the network', new Error('connection closed'), 'connection closed'],
    ['no answer', () => new Promise<never>(() => undefined), 'no answer within 1000 ms'],
    ['a refusal', Object.assign(new Error('not authorized'), { code: 13 }), 'not authorized'],
  ])('that fails by %s keeps the error of the reported index', async (_, failure, said) => {
    const model = await compile(userSchema(), collectAll);
    await model.create(taken);
    const find = jest.spyOn(model.collection, 'find').mockImplementation((() => ({
      toArray: () => (failure instanceof Error ? Promise.reject(failure) : failure()),
    })) as never);
    const start = Date.now();
    const error = await rejection(model.create(taken));
    find.mockRestore();
    expect(Date.now() - start).toBeLessThan(2000);
    expect(pathsOf(error)).toHaveLength(1);
    expect(error).toMatchObject({ code: 11000, name: 'ValidationError' });
    expect(error).toHaveProperty('uniqueGuard.failure.message', said);
    expect(Object.keys(error as object)).not.toContain('uniqueGuard');
  });

  it('whose message function throws keeps the error of the reported index', async () => {
    const model = await compile(userSchema(), {
      ...collectAll,
      message: ({ path }) => {
        if (path === 'phone') throw new Error('boom');
        return path;
      },
    });
    await model.create(taken);
    const error = await rejection(model.create(taken));
    expect(pathsOf(error)).toHaveLength(1);
    expect(error).toHaveProperty('uniqueGuard.failure.message', 'boom');
  });

  it('does not run if the reported error was not converted', async () => {
    const model = await compile(userSchema(), collectAll);
    await model.collection.createIndexes([{ key: { n: 1 }, unique: true, name: 'n' }]);
    await model.create({ n: 1 });
    const raw = Object.assign(new Error('E11000 duplicate key error collection: db.c'), {
      code: 11000,
    });
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(raw as never);
    commands.take();
    expect(await rejection(model.create(taken))).toBe(raw);
    expect(commands.take()).toEqual([]);
  });
});

describe('a field that is not reported', () => {
  let model: AnyModel;
  let ids: unknown[];
  beforeAll(async () => {
    const schema = userSchema().add({
      sum: { type: Number, unique: true, sparse: true },
      tags: { type: [String], default: undefined },
      list: { type: [new Schema({ key: String })], default: undefined },
      active: Boolean,
      badge: String,
      nick: String,
      shelf: String,
      marks: { type: [String], default: undefined },
      rows: { type: [new Schema({ key: String }, { _id: false })], default: undefined },
      profile: { a: Number, b: Number },
    } as never);
    schema.index({ tags: 1 }, { unique: true, sparse: true });
    schema.index({ 'list.key': 1 }, { unique: true, sparse: true });
    schema.index({ badge: 1 }, { unique: true, partialFilterExpression: { active: true } });
    schema.index(
      { nick: 1, n: 1 },
      { unique: true, sparse: true, collation: { locale: 'en', strength: 2 } },
    );
    const onShelf = { unique: true, partialFilterExpression: { shelf: { $exists: true } } };
    for (const path of ['marks', 'rows.key', 'profile']) {
      schema.index({ shelf: 1, [path]: 1 }, onShelf);
    }
    schema.index(
      { 'profile.a': 1, 'profile.b': 1 },
      { unique: true, partialFilterExpression: { 'profile.a': { $exists: true } } },
    );
    model = await compile(schema, collectAll);
  });
  beforeEach(async () => {
    await model.deleteMany();
    const extra = { sum: 1, tags: ['a', 'b'], list: [{ key: 'k' }], active: true, badge: 'x' };
    const [one, two] = await model.create([
      { ...taken, ...extra, nick: 'N', n: 1 },
      { ...free, sum: 5, nick: 'M', n: 1 },
    ]);
    ids = [one?._id, two?._id];
  });
  /** One more document, which has the shelf that a test moves the second one to. */
  const onShelf = (fields: Doc) =>
    model.collection.insertOne({ email: 'x', username: 'x', slug: 'x', shelf: 's', ...fields });
  const details = {
    marks: ['y', 'z'],
    rows: [{ key: 'x' }, { key: 'y' }],
    profile: { a: 1, b: 2 },
  };
  const saveRead = async (select: Doc | string, filter: Doc = {}) => {
    const document = (await model
      .findOne({ _id: ids[1], ...filter })
      .select(select as string)) as InstanceType<AnyModel>;
    await document.set({ email: 'e', shelf: 's' }).save();
  };

  const updates: [name: string, run: () => Promise<unknown>, paths: string[]][] = [
    [
      "the document's own values",
      () => model.updateOne({ _id: ids[1] }, { ...free, email: 'e' }),
      ['email'],
    ],
    [
      "the document's own values, found by another field",
      () => model.updateOne({ email: 'e2' }, { ...free, email: 'e' }),
      ['email'],
    ],
    [
      "the document's own values, in a replacement",
      () => model.findOneAndReplace({ email: 'e2' }, { ...free, email: 'e' }),
      ['email'],
    ],
    [
      'a pair with one unknown half',
      () => model.updateOne({ _id: ids[1] }, { email: 'e', slug: 's' }),
      ['email'],
    ],
    [
      "the document's own pair, with one half in the filter",
      () => model.updateOne({ tenant: { $eq: 't2' }, n: { $gt: 0 } }, { email: 'e', slug: 's2' }),
      ['email'],
    ],
    ['a sum', () => model.updateOne({ _id: ids[1] }, { email: 'e', $inc: { sum: -4 } }), ['email']],
    [
      'one element by its position',
      () => model.updateOne({ _id: ids[1] }, { email: 'e', 'list.0.key': 'k' }),
      ['email'],
    ],
    [
      'a partial index that the written document may be outside of',
      () => model.updateOne({ _id: ids[1] }, { email: 'e', badge: 'x' }),
      ['email'],
    ],
    [
      'what a save does not change',
      async () => {
        const document = (await model.findById(ids[1])) as InstanceType<AnyModel>;
        // Behind its back the user name has changed hands.
        await model.updateOne({ _id: ids[1] }, { username: 'v' });
        await model.updateOne({ _id: ids[0] }, { username: 'u2' });
        await document.set({ email: 'e' }).save();
      },
      ['email'],
    ],
    [
      'what a save has not read',
      async () => {
        await model.create({ email: 'x', username: 'x', slug: 's' });
        const document = await model.findById(ids[1]).select('email');
        await (document as InstanceType<AnyModel>).set({ email: 'e', slug: 's' }).save();
      },
      ['email'],
    ],
    [
      'an array of which a save has read no element, though one is empty',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ marks: [] });
        await saveRead({ marks: { $slice: 0 } });
      },
      ['email'],
    ],
    [
      'an array of which a save has read what matches, though one is missing',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({});
        await saveRead({ rows: { $elemMatch: { key: 'nowhere' } }, marks: 1, profile: 1 });
      },
      ['email'],
    ],
    [
      'an array of which a save has read the element that was looked for',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ rows: [{ key: 'y' }] });
        await saveRead('rows.$', { 'rows.key': 'y' });
      },
      ['email'],
    ],
    [
      'an array of which an old server has given a path of one element',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ rows: [{ key: 'y' }] });
        // Servers since 4.4 refuse this projection.
        const read = { _id: ids[1], email: 'e2', rows: [{ key: 'y' }] };
        const projection = { _id: 1, email: 1, 'rows.$': 1, 'rows.key': 1 };
        await model.hydrate(read, projection).set({ email: 'e', shelf: 's' }).save();
      },
      ['email'],
    ],
    [
      'an object of which a save has read a part, though another is like that part',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ profile: { a: 1 } });
        await saveRead('profile.a');
      },
      ['email'],
    ],
    [
      'a path that a projection replaced',
      async () => {
        await model.create({ email: 'x', username: 'x', tenant: 't', slug: 'u2' });
        const document = await model.findById(ids[1]).select({ email: 1, slug: '$username' });
        await (document as InstanceType<AnyModel>).set({ email: 'e', tenant: 't' }).save();
      },
      ['email'],
    ],
    [
      'a string in a filter with a collation, because another string may be stored',
      () =>
        model
          .updateOne({ tenant: 'T2' }, { email: 'e', slug: 's2' })
          .collation({ locale: 'en', strength: 2 }),
      ['email'],
    ],
    [
      'a pair with one half in a filter with a collation, because another string may be stored',
      async () => {
        await model.create({ email: 'x', username: 'x', tenant: 'T2', slug: 'q' });
        await model
          .updateOne({ _id: ids[1], tenant: 'T2' }, { email: 'e', slug: 'q' })
          .collation({ locale: 'en', strength: 2 });
      },
      ['email'],
    ],
    [
      'an index with a collation, under which the filter finds other documents',
      () =>
        model.updateOne({ username: 'u2', email: { $gt: 'Z' } }, { email: 'e', nick: 'M', n: 1 }),
      ['email'],
    ],
    [
      'a path that another one is renamed to',
      async () => {
        await model.create({ email: 'x', username: 'x', tenant: 't', slug: 's2' });
        await model.updateOne(
          { _id: ids[1], slug: 's2' },
          { email: 'e', tenant: 't', $rename: { username: 'slug' } },
        );
      },
      ['email'],
    ],
    [
      'elements that may be cut off at once',
      async () => {
        await model.updateOne({ _id: ids[1] }, { tags: ['q'] });
        await model.updateOne(
          { _id: ids[1] },
          { email: 'e', $push: { tags: { $each: ['b'], $slice: 1 } } },
        );
      },
      ['email'],
    ],
    [
      'an array with one element in the filter',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ marks: ['y'] });
        await model.updateOne({ _id: ids[1], marks: 'y' }, { email: 'e', shelf: 's' });
      },
      ['email'],
    ],
    [
      'an object of which the update sets a part',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ profile: { a: 7 } });
        await model.updateOne({ _id: ids[1] }, { email: 'e', shelf: 's', 'profile.a': 7 });
      },
      ['email'],
    ],
    [
      'a missing path of an upsert that inserts, if the filter may set it',
      async () => {
        await model.create({ tenant: 'x', slug: 'x', email: 'x' });
        await model.updateOne(
          { $and: [{ phone: 'new' }, { n: { $gt: 1 } }] },
          { $setOnInsert: { email: 'e' } },
          { upsert: true },
        );
      },
      ['email'],
    ],
    [
      'nothing more, by a filter that only the server can follow',
      () => model.updateOne({ $expr: { $eq: ['$email', 'e2'] } }, { ...taken, email: 'e' }),
      ['email', 'username', 'tenant', 'slug', 'phone'],
    ],
  ];
  it.each(updates)('%s', async (_, run, paths) => {
    expect(pathsOf(await rejection(run())).sort()).toEqual([...paths].sort());
  });

  const known: [name: string, run: () => Promise<unknown>, paths: string[]][] = [
    [
      'a pair whose halves are in the filter and in the update',
      () =>
        model.updateOne({ email: 'e2', tenant: 't2' }, { username: 'u', tenant: 't', slug: 's' }),
      ['username', 'tenant', 'slug'],
    ],
    [
      'a pair with one half in $and of the filter',
      async () => {
        await model.create({ email: 'x', username: 'x', tenant: 't2', slug: 'q' });
        await model.updateOne(
          { $and: [{ email: 'e2' }, { $and: [{ tenant: 't2' }] }] },
          { username: 'u', slug: 'q' },
        );
      },
      ['username', 'tenant', 'slug'],
    ],
    [
      'two paths of one object',
      async () => {
        await model.collection.insertOne({ email: 'x', username: 'x', profile: { a: 1, b: 9 } });
        await model.updateOne({ _id: ids[1] }, { email: 'e', 'profile.a': 1, 'profile.b': 9 });
      },
      ['email', 'profile.a', 'profile.b'],
    ],
    [
      'two paths of one object, one of them in the filter',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await model.collection.insertOne({ email: 'x', username: 'x', profile: { a: 1, b: 9 } });
        await model.updateOne({ _id: ids[1], 'profile.a': 1 }, { email: 'e', 'profile.b': 9 });
      },
      ['email', 'profile.a', 'profile.b'],
    ],
    [
      'what a save has read in full, beside what it has read in part',
      async () => {
        await model.updateOne({ _id: ids[1] }, details);
        await onShelf({ marks: ['z'] });
        await saveRead({ marks: 1, profile: 1, rows: { $slice: 1 } });
      },
      ['email', 'shelf', 'marks.1'],
    ],
    [
      'elements that are added',
      () => model.updateOne({ _id: ids[1] }, { email: 'e', $push: { tags: 'b' } }),
      ['email', 'tags'],
    ],
    [
      'several elements that are added',
      () =>
        model.updateOne(
          { _id: ids[1] },
          { email: 'e', $addToSet: { list: { $each: [{ key: 'z' }, { key: 'k' }] } } },
        ),
      ['email', 'list.key'],
    ],
    [
      'a partial index that the update leads into',
      () => model.updateOne({ _id: ids[1] }, { email: 'e', active: true, badge: 'x' }),
      ['email', 'badge'],
    ],
    [
      'a string under a collation, by _id',
      () => model.updateOne({ _id: ids[1], n: 1 }, { email: 'e', nick: 'n', n: 1 }),
      ['email', 'nick', 'n'],
    ],
    [
      'a path that is removed, and null in another document',
      async () => {
        await model.create({ tenant: 'x', slug: 'x', username: 'x' });
        await model.updateOne({ _id: ids[1] }, { username: 'u', $unset: { email: 1 } });
      },
      ['email', 'username'],
    ],
    [
      'an upsert that inserts, with what is null in it',
      async () => {
        await model.create({ tenant: 'x', slug: 'x', email: 'x' });
        await model.updateOne({ phone: 'new' }, { $setOnInsert: { email: 'e' } }, { upsert: true });
      },
      ['email', 'username'],
    ],
    [
      'a document in part read, of which the changed paths are known',
      async () => {
        const document = await model.findById(ids[1]).select('email tenant');
        await (document as InstanceType<AnyModel>)
          .set({ email: 'e', tenant: 't', slug: 's' })
          .save();
      },
      ['email', 'tenant', 'slug'],
    ],
    [
      'a new document with the _id of another',
      () => model.create({ ...taken, _id: ids[0], tags: ['q', 'b'] }),
      ['_id', 'email', 'username', 'tenant', 'slug', 'phone', 'tags.1'],
    ],
  ];
  it.each(known)('reports %s', async (_, run, paths) => {
    expect(pathsOf(await rejection(run())).sort()).toEqual([...paths].sort());
  });

  it('a path that pathsToSave excludes', async () => {
    const document = (await model.findById(ids[1])) as InstanceType<AnyModel>;
    document.set({ email: 'e', username: 'u' });
    const options = { pathsToSave: ['email'] } as never;
    expect(pathsOf(await rejection(document.save(options)))).toEqual(['email']);
  });

  it('an update with a pipeline keeps the error of the reported index', async () => {
    const update = model.updateOne({ _id: ids[1] }, [{ $set: { ...taken, email: 'e' } }], {
      ...(!isMongoose8 && { updatePipeline: true }),
    } as never);
    expect(pathsOf(await rejection(update.exec())).length).toBeLessThan(3);
  });
});

describe('with other features', () => {
  it('keeps hidden values hidden, and one error on the path that the index names', async () => {
    const options: UniqueGuardOptions = {
      ...collectAll,
      hideValues: ['email'],
      indexes: {
        tenant_1_slug_1: { path: 'slug', kind: 'pair', message: '{VALUE} of {PATHS}' },
        phone_1: { message: '{PATH}: {VALUE}' },
      },
    };
    const schema = userSchema().add({ phone: { type: String, select: false } } as never);
    schema.index({ phone: 1 }, { unique: true, name: 'phone_1' });
    const model = await compile(schema, options);
    await model.create(taken);
    const error = await rejection(model.create({ ...taken, username: 'free' }));
    expect(Object.fromEntries(shown(error).map(([path, ...rest]) => [path, rest]))).toEqual({
      email: ['unique', 'Path `email` must be unique.', undefined, 'email_1'],
      phone: ['unique', 'phone: ', undefined, 'phone_1'],
      slug: ['pair', 's of tenant, slug', 's', 'tenant_1_slug_1'],
    });
  });

  it('reports on a shared path the error of the index that the server reported', async () => {
    const schema = new Schema({ email: String, tenant: String })
      .index({ email: 1 }, unique)
      .index({ tenant: 1, email: 1 }, unique) as Schema;
    const model = await compile(schema, collectAll);
    await model.create({ email: 'e', tenant: 't' });
    const error = (await rejection(model.create({ email: 'e', tenant: 't' }))) as Doc & {
      errors: Record<string, { properties: { index: string } }>;
    };
    expect(error.errors['email']?.properties.index).toBe('email_1');
    expect(error.errors['tenant']?.properties.index).toBe('tenant_1_email_1');
  });

  it('reports a duplicate once if the server names the paths of the index but not its name', async () => {
    const model = await compile(userSchema(), {
      ...collectAll,
      indexes: { email_1: { path: 'login' } },
    });
    await model.create(taken);
    // Of a direction that the schema does not declare, so that no name is found for it.
    const duplicate = { code: 11000, keyPattern: { email: -1 }, keyValue: { email: 'e' } };
    const refused = Object.assign(new Error('E11000 duplicate key error'), duplicate);
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(refused as never);
    const error = await rejection(model.create(taken));
    expect(pathsOf(error).sort()).toEqual(ALL);
    expect(error).toHaveProperty('errors.email.properties.index', undefined);
  });

  it('sends one query for each index if the plugin is applied twice', async () => {
    const schema = userSchema().plugin(uniqueGuard, collectAll);
    const model = await compile(schema as unknown as Schema, collectAll);
    await model.create(taken);
    commands.take();
    expect(pathsOf(await rejection(model.create(taken)))).toHaveLength(5);
    expect(commands.take().filter((one) => 'find' in one)).toHaveLength(4);
  });

  it('checks the indexes of discriminators as Mongoose builds them', async () => {
    const base = new mongoose.Schema({
      email: { type: String, unique: true },
      name: String,
    }).plugin(uniqueGuard, collectAll);
    const Base = mongoose.model('KindBase', base);
    const One = Base.discriminator(
      'KindOne',
      new mongoose.Schema({ badge: { type: String, unique: true }, own: String }).index(
        { own: 1 },
        unique,
      ),
      'one',
    );
    const Two = Base.discriminator(
      'KindTwo',
      new mongoose.Schema({ badge: String, own: String }),
      'two',
    );
    await Base.createCollection();
    for (const M of [Base, One, Two]) await M.ensureIndexes();
    await One.create({ email: 'e', badge: 'b', own: 'o' });
    const partial = (await Base.collection.indexes()).filter((index) => index['unique']);
    expect(partial.map((index) => index['partialFilterExpression'] as unknown)).toEqual([
      undefined,
      { __t: 'one' },
      { __t: 'one' },
    ]);
    expect(pathsOf(await rejection(One.create({ email: 'e', badge: 'b', own: 'o' })))).toEqual([
      'email',
      'badge',
      'own',
    ]);
    expect(pathsOf(await rejection(Two.create({ email: 'e', badge: 'b', own: 'o' })))).toEqual([
      'email',
    ]);
    await Two.create({ email: 'two', badge: 'two', own: 'two' });
    expect(pathsOf(await rejection(One.create({ email: 'e', badge: 'two', own: 'two' })))).toEqual([
      'email',
    ]);
    const other = await One.create({ email: 'x', badge: 'x', own: 'x' });
    const update = One.updateOne({ _id: other._id }, { email: 'e', badge: 'b' });
    // Which kind the document is, the model itself puts into the filter.
    expect(pathsOf(await rejection(update.exec())).sort()).toEqual(['badge', 'email']);
    const asBase = { __t: 'one', email: 'e', badge: 'b', own: 'free' } as never;
    expect(pathsOf(await rejection(Base.create(asBase)))).toEqual(['email', 'badge']);
    // A new `x` of the other kind is outside of the index.
    expect(await Two.checkUnique({ email: 'free', badge: 'b' })).toBeNull();
    expect(await One.checkUnique({ email: 'free', badge: 'b' })).not.toBeNull();
  });

  it('keeps the error of the reported index in a transaction', async () => {
    const model = await compile(userSchema(), collectAll);
    await model.create([taken, free]);
    let lookups = -1;
    const write = async (session: Doc) => {
      // In the transaction this user name is free.
      await model.deleteOne({ username: 'u2' }, session as never);
      commands.take();
      await model.create([{ ...free, email: 'e' }], session as never).finally(() => {
        lookups = commands.take().filter((one) => 'find' in one).length;
      });
    };
    const error = await rejection(mongoose.connection.transaction((session) => write({ session })));
    expect(pathsOf(error)).toEqual(['email']);
    expect(lookups).toBe(0);
    expect(await model.countDocuments()).toBe(2);

    mongoose.set('transactionAsyncLocalStorage', true);
    try {
      const passedOn = await rejection(mongoose.connection.transaction(() => write({})));
      expect(pathsOf(passedOn)).toEqual(['email']);
    } finally {
      mongoose.set('transactionAsyncLocalStorage', false);
    }

    await mongoose.connection.withSession(async (session) => {
      const outside = await rejection(model.create([taken], { session }));
      expect(pathsOf(outside)).toHaveLength(5);
    });
  });

  it('rejects each of many concurrent writes with an error of one or several indexes, and nothing else', async () => {
    const model = await compile(userSchema(), collectAll);
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const start = performance.now();
        const paths = await model.create({ ...taken, slug: `s${String(at % 3)}` }).then(
          () => 'stored',
          (error: unknown) => pathsOf(error).sort().join(),
        );
        // On a busy machine the queries may reach their limit of a second.
        return paths === 'email' && performance.now() - start >= 1000 ? 'late' : paths;
      }),
    );
    expect(outcomes.filter((one) => one === 'stored')).toHaveLength(1);
    for (const outcome of outcomes) {
      expect(['stored', 'email,phone,username', ALL.join(), 'late']).toContain(outcome);
    }
  });
});

describe('a collection of 200,000 documents', () => {
  it('is never scanned: each query uses its index', async () => {
    const schema = userSchema().add({
      tags: [String],
      list: { type: [new Schema({ key: String }, { _id: false })], default: undefined },
      badge: String,
      state: String,
      nick: String,
    } as never);
    schema.index({ tags: 1 }, { unique: true, sparse: true });
    schema.index({ 'list.key': 1 }, { unique: true, sparse: true });
    schema.index({ badge: 1 }, { unique: true, partialFilterExpression: { state: 'on' } });
    schema.index(
      { n: 1 },
      {
        unique: true,
        name: 'either',
        partialFilterExpression: { $or: [{ state: 'on' }, { badge: { $exists: true } }] },
      },
    );
    schema.index({ nick: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
    // Not selective at all: what a planner might be led to.
    schema.index({ state: 1 });
    const model = (await compile(schema, collectAll)) as AnyModel;
    await model.collection.dropIndexes();
    const { collection } = model;
    const digits = mongoose.connection.collection('digits');
    await digits.insertOne({ low: Array.from({ length: 448 }, (_, at) => at) });
    const text = (prefix: string) => ({ $concat: [prefix, { $toString: '$n' }] });
    await digits
      .aggregate([
        { $set: { high: '$low' } },
        { $unwind: '$low' },
        { $unwind: '$high' },
        { $project: { _id: 0, n: { $add: [{ $multiply: ['$high', 448] }, '$low'] } } },
        {
          $set: {
            email: text('e'),
            username: text('u'),
            tenant: 't',
            slug: text('s'),
            phone: text('p'),
            tags: [text('a'), text('b')],
            list: [{ key: text('k') }],
            badge: text('x'),
            state: { $cond: [{ $eq: [{ $mod: ['$n', 2] }, 0] }, 'on', 'off'] },
            nick: text('N'),
          },
        },
        { $out: collection.collectionName },
      ])
      .toArray();
    await model.ensureIndexes();
    expect(await collection.estimatedDocumentCount()).toBeGreaterThan(200_000);

    commands.take();
    const document = {
      email: 'e10',
      username: 'u11',
      tenant: 't',
      slug: 's12',
      phone: 'p13',
      tags: ['z', 'b14', 'y'],
      list: [{ key: 'k15' }],
      badge: 'x16',
      state: 'on',
      n: 18,
      nick: 'n17',
    };
    const answer = await model.checkUnique(document as never);
    expect(Object.keys(answer?.errors ?? {}).sort()).toEqual([
      ...['badge', 'email', 'list.0.key', 'n', 'nick', 'phone'],
      ...['slug', 'tags.1', 'tenant', 'username'],
    ]);
    expect(await model.checkUnique({} as never)).toBeNull();
    expect(await model.checkUnique({ phone: null, tags: [null] } as never)).toBeNull();
    const update = { ...document, tags: undefined, list: undefined };
    await rejection(model.updateOne({ state: 'off', n: 21 }, { $set: update }).exec());
    const finds = commands.take().filter((one) => 'find' in one);
    expect(finds.length).toBeGreaterThanOrEqual(7);
    const used = new Set<string>();
    for (const { find, filter, projection, collation } of finds) {
      const command = { find, filter, projection, ...(collation ? { collation } : {}) };
      const plan = (await mongoose.connection.db?.command({
        explain: command,
        verbosity: 'executionStats',
      })) as { executionStats: { totalDocsExamined: number; totalKeysExamined: number } };
      const stages = JSON.stringify(plan);
      expect(stages).not.toContain('COLLSCAN');
      expect(plan.executionStats.totalDocsExamined).toBeLessThan(15);
      expect(plan.executionStats.totalKeysExamined).toBeLessThan(40);
      for (const [, name] of JSON.stringify(plan.executionStats).matchAll(/"indexName":"(.*?)"/g)) {
        used.add(String(name));
      }
    }
    expect([...used].sort()).toEqual([
      ...['badge_1', 'either', 'email_1', 'list.key_1', 'nick_1', 'phone_1'],
      ...['tags_1', 'tenant_1_slug_1', 'username_1'],
    ]);
  }, 60_000);
});
