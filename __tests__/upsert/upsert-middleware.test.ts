/** The options `middleware` and `timestamps`, which are Mongoose's own. */
import { Schema } from 'mongoose';
import type { SaveOrUpsertOptions } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { watchCommands } from '../support/commands';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);

type Call = (model: AnyModel, input: object, options: SaveOrUpsertOptions) => Promise<unknown>;

const CALLS: Record<string, Call> = {
  saveOrUpsert: (model, input, options) => model.saveOrUpsert(input, options),
  saveOrUpsertMany: (model, input, options) => model.saveOrUpsertMany([input], options),
};

describe('middleware', () => {
  /** Of `saveOrUpsertMany` no query runs, and so no query middleware. */
  const TABLE: [option: SaveOrUpsertOptions['middleware'], one: string[], many: string[]][] = [
    [undefined, ['validate', 'save', 'query', 'queried'], ['validate', 'save']],
    [true, ['validate', 'save', 'query', 'queried'], ['validate', 'save']],
    [{}, ['validate', 'save', 'query', 'queried'], ['validate', 'save']],
    [{ pre: true, post: false }, ['validate', 'save', 'query'], ['validate', 'save']],
    [{ pre: false }, ['validate', 'queried'], ['validate']],
    [{ pre: false, post: false }, ['validate'], ['validate']],
    [false, ['validate'], ['validate']],
  ];

  it.each(TABLE)('%j runs %j, and of saveOrUpsertMany %j', async (middleware, one, many) => {
    const ran: string[] = [];
    const schema = new Schema({ email: { type: String, unique: true } }, { timestamps: true });
    schema.pre('validate', () => void ran.push('validate'));
    schema.pre('save', () => void ran.push('save'));
    schema.pre('findOneAndUpdate', () => void ran.push('query'));
    schema.post('findOneAndUpdate', () => void ran.push('queried'));
    const User = await compile(schema);
    const options = middleware === undefined ? {} : { middleware };
    await User.saveOrUpsert({ email: 'a' }, options);
    expect(ran).toEqual(one);
    ran.length = 0;
    await User.saveOrUpsertMany([{ email: 'b' }], options);
    expect(ran).toEqual(many);
    expect(await User.countDocuments()).toBe(2);
  });
});

describe.each(Object.entries(CALLS))('timestamps, by %s', (_, call) => {
  const timed = () => {
    const address = new Schema({ city: String }, { timestamps: true });
    return new Schema(
      { email: { type: String, unique: true }, name: String, address, list: [address] },
      { timestamps: true },
    );
  };
  const input = { email: 'a', name: 'A', address: { city: 'X' }, list: [{ city: 'Y' }] };

  it('false writes none, as save() with the same option', async () => {
    const User = await compile(timed());
    await call(User, input, { timestamps: false });
    const written = (await User.collection.findOne()) as unknown as Record<string, object>;
    await User.deleteMany();
    await new User(input).save({ timestamps: false });
    const saved = (await User.collection.findOne()) as unknown as Record<string, object>;
    expect(Object.keys(written).sort()).toEqual(Object.keys(saved).sort());
    expect(Object.keys(written['address'] as object).sort()).toEqual(
      Object.keys(saved['address'] as object).sort(),
    );
    expect(written).not.toHaveProperty('createdAt');
    expect(written).not.toHaveProperty('updatedAt');
  });

  it.each<SaveOrUpsertOptions>([
    {},
    { onConflict: 'replace' },
    { onConflict: { only: ['name'] } },
    { onConflict: { except: ['address'] } },
    { onConflict: { $set: { name: 'B' } } },
  ])('false leaves updatedAt of an existing document alone: %j', async (options) => {
    const User = await compile(timed());
    const old = new Date('2020-01-01');
    await User.collection.insertOne({ email: 'a', name: 'O', createdAt: old, updatedAt: old });
    await call(User, { email: 'a', name: 'A' }, { ...options, timestamps: false });
    const { updatedAt, createdAt } = (await User.collection.findOne()) as unknown as Record<
      string,
      unknown
    >;
    // A replacement holds what the input holds: no updatedAt of its own.
    expect(updatedAt).toEqual(options.onConflict === 'replace' ? undefined : old);
    expect(createdAt).toEqual(old);
    await call(User, { email: 'a', name: 'B' }, options);
    const touched = (await User.findOne().lean()) as unknown as { updatedAt: Date };
    expect(touched.updatedAt.getTime()).toBeGreaterThan(old.getTime());
  });

  it('false writes the times that the input gives', async () => {
    const User = await compile(timed());
    const [created, updated] = [new Date('2001-01-01'), new Date('2002-02-02')];
    const given = { email: 'a', createdAt: created, updatedAt: updated };
    await call(User, given, { timestamps: false });
    expect(await User.collection.findOne()).toMatchObject({
      createdAt: created,
      updatedAt: updated,
    });
  });
});

describe("what pre('findOneAndUpdate') middleware adds to the filter alone", () => {
  type Filter = Record<string, unknown>;
  const withFilter = (filter: Filter) => {
    const schema = new Schema({ email: { type: String, unique: true }, n: Number, tenant: String });
    schema.add({ deleted: { type: Boolean, default: false } });
    schema.pre('findOneAndUpdate', function () {
      this.where(filter);
    });
    return compile(schema);
  };
  const FILTERS: [Filter, Filter][] = [
    [{ deleted: { $ne: true } }, {}],
    [{ $or: [{ deleted: false }, { n: 7 }] }, {}],
    [{ $and: [{ deleted: { $ne: true } }] }, {}],
    [{ $nor: [{ deleted: true }] }, {}],
    [{ n: { $lt: 5 } }, {}],
    [{ tenant: { $in: ['acme', null] } }, {}],
    [{ tenant: { $eq: 'acme' } }, { tenant: 'acme' }],
    [{ tenant: 'acme' }, { tenant: 'acme' }],
  ];
  // 'replace' writes nothing of the filter.
  const STRATEGIES = ['update', 'skip', 'replace'] as const;

  it.each(
    FILTERS.flatMap(([filter, stored]) =>
      STRATEGIES.filter((one) => one !== 'replace' || !('tenant' in stored)).map(
        (one) => [filter, one, stored] as const,
      ),
    ),
  )('%j is no value of a new document, with onConflict: %j', async (filter, onConflict, stored) => {
    const User = await withFilter(filter);
    const { created } = await User.saveOrUpsert({ email: 'a', n: 1 }, { onConflict });
    expect(created).toBe(true);
    const document = await User.collection.findOne({}, { projection: { _id: 0, __v: 0 } });
    expect(document).toEqual({ email: 'a', n: 1, deleted: false, ...stored });
    const again = await User.saveOrUpsert({ email: 'a', n: 2 }, { onConflict });
    expect([again.created, await User.countDocuments()]).toEqual([false, 1]);
  });
});

it("pre('findOneAndUpdate') middleware may set a hint, which is sent", async () => {
  const schema = new Schema({ email: { type: String, unique: true } });
  schema.pre('findOneAndUpdate', function () {
    this.setOptions({ hint: 'email_1' });
  });
  const User = await compile(schema);
  const commands = watchCommands(mongoose);
  expect(await User.saveOrUpsert({ email: 'a' })).toMatchObject({ created: true });
  expect(commands.take()).toMatchObject([{ findAndModify: expect.any(String), hint: 'email_1' }]);
});

it('a validator that reads isNew runs for a new document and for one that exists', async () => {
  const seen: unknown[] = [];
  const validate = function (this: { isNew: boolean }) {
    seen.push(this.isNew);
    return true;
  };
  const n = { type: Number, validate };
  const User = await compile(
    new Schema({ email: { type: String, unique: true }, n }) as unknown as Schema,
  );
  for (const n of [1, 2]) {
    await User.saveOrUpsert({ email: 'a', n });
    expect(await User.collection.findOne()).toMatchObject({ email: 'a', n });
  }
  expect(seen).toEqual([true, false, true, false]);
});

describe("a duplicate on another path, whose message is Mongoose's own `unique: [true, message]`", () => {
  it.each<SaveOrUpsertOptions['middleware']>([true, false, { pre: false }, { post: false }])(
    'is the ValidationError of that path with middleware: %j',
    async (middleware) => {
      const message = 'This name is in use';
      const schema = new Schema({
        email: { type: String, unique: true },
        name: { type: String, unique: [true, message] },
      });
      const User = await compile(schema);
      await User.create({ email: 'a', name: 'A' });
      const options = { conflictTarget: 'email', ...(middleware !== undefined && { middleware }) };
      const error = await rejection(User.saveOrUpsert({ email: 'b', name: 'A' }, options));
      expect(error).toMatchObject({ name: 'ValidationError', errors: { name: { message } } });
      const entry = { index: 0, error: { errors: { name: { message } } } };
      const inputs = [{ email: 'b', name: 'A' }];
      expect(await User.saveOrUpsertMany(inputs, options)).toMatchObject({ results: [entry] });
    },
  );

  it('of another model, written by middleware, leaves as the error of that model', async () => {
    const email = { type: String, unique: [true, 'in use'] };
    const Other = await compile(new Schema({ email }));
    await Other.create({ email: 'a' });
    const schema = new Schema({ email });
    schema.pre('save', () => Other.create({ email: 'a' }) as never);
    const User = await compile(schema);
    const error = await rejection(User.create({ email: 'a' }));
    expect(error).toMatchObject({ name: 'ValidationError' });
    expect((error as { model: AnyModel }).model).toBe(Other);
  });
});
