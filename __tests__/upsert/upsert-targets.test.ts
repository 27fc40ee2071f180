import timers from 'node:timers/promises';
import { Schema } from 'mongoose';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);
const raw = (model: AnyModel) => model.collection.find().sort({ n: 1 }).toArray();
const STRATEGIES = ['update', 'skip', 'replace'] as const;

describe.each<[string, Doc, { inside: Doc; outside: Doc | undefined; other: Doc }]>([
  [
    'equality',
    { active: true },
    { inside: { active: true }, outside: { active: false }, other: { active: false } },
  ],
  [
    'equality that a default gives',
    { kind: 'main' },
    { inside: {}, outside: { kind: 'spare' }, other: { kind: 'spare' } },
  ],
  [
    '$and of an equality and a range',
    { $and: [{ active: true }, { age: { $gte: 18 } }] },
    {
      inside: { active: true, age: 18 },
      outside: { active: true, age: 17 },
      other: { active: true, age: 3 },
    },
  ],
  [
    '$exists on another path',
    { age: { $exists: true } },
    { inside: { age: 1 }, outside: {}, other: {} },
  ],
  [
    '$exists on the key',
    { email: { $exists: true } },
    { inside: {}, outside: undefined, other: {} },
  ],
  [
    '$type on the key',
    { email: { $type: 'string' } },
    { inside: {}, outside: undefined, other: {} },
  ],
  [
    'null, as for soft deletes',
    { deletedAt: null },
    { inside: {}, outside: { deletedAt: new Date(0) }, other: { deletedAt: new Date(1) } },
  ],
])('a partial index as target: %s', (_, partialFilterExpression, { inside, outside, other }) => {
  let Thing: AnyModel;
  beforeAll(async () => {
    const schema = new Schema({
      email: String,
      active: Boolean,
      age: Number,
      kind: { type: String, default: 'main' },
      deletedAt: Date,
      n: Number,
    });
    schema.index({ email: 1 }, { unique: true, partialFilterExpression });
    Thing = await compile(schema);
  });
  beforeEach(() => Thing.deleteMany());

  it.each(STRATEGIES)(
    'creates, then finds the document that the index holds: %s',
    async (onConflict) => {
      // It has the same key, but the index does not hold it.
      if (outside) await Thing.collection.insertOne({ email: 'a', n: 0, ...other });
      const before = await raw(Thing);
      const input = { email: 'a', ...inside };
      expect(await Thing.saveOrUpsert({ ...input, n: 1 }, { onConflict })).toMatchObject({
        created: true,
      });
      const second = await Thing.saveOrUpsert(
        { ...input, n: 2 },
        { onConflict, conflictTarget: 'email' },
      );
      expect(second).toMatchObject({ created: false });
      const expected = { email: 'a', n: onConflict === 'skip' ? 1 : 2, ...inside };
      expect(await raw(Thing)).toMatchObject([...before, expected]);
    },
  );

  it.each(STRATEGIES)('plainly inserts outside of its scope: %s', async (onConflict) => {
    if (outside === undefined) return;
    await Thing.saveOrUpsert({ email: 'a', n: 1, ...inside });
    for (const n of [2, 3]) {
      const input = { email: 'a', n, ...outside };
      expect(await Thing.saveOrUpsert(input, { onConflict })).toMatchObject({ created: true });
    }
    expect((await raw(Thing)).map(({ n }) => n as number)).toEqual([1, 2, 3]);
    const [first] = await raw(Thing);
    // Not even where the input has the _id of another document.
    const again = Thing.saveOrUpsert({ _id: first?._id, email: 'a', ...outside }, { onConflict });
    expect(await rejection(again)).toHaveProperty('errors._id.kind', 'unique');
  });

  it('makes one document of 50 calls at once, for it runs again by itself', async () => {
    const calls = Array.from({ length: 50 }, (_unused, n) =>
      Thing.saveOrUpsert({ email: 'race', n, ...inside }, { maxRetries: 100 }),
    );
    const outcomes = await Promise.all(calls);
    expect(outcomes.filter(({ created }) => created)).toHaveLength(1);
    expect(await raw(Thing)).toHaveLength(1);
  });

  it('is what the query uses, not a scan', async () => {
    const driver = jest.spyOn(Thing.collection, 'findOneAndUpdate');
    await Thing.saveOrUpsert({ email: 'a', ...inside });
    const [filter] = driver.mock.calls[0] as unknown as [object];
    driver.mockRestore();
    const plan = await Thing.collection.find(filter).explain('queryPlanner');
    expect(JSON.stringify(plan)).toContain('"indexName":"email_1"');
    expect(JSON.stringify(plan)).not.toContain('COLLSCAN');
  });
});

it('a sparse index is a target, and a key that is not there is refused', async () => {
  const schema = new Schema({ a: String, b: String, n: Number });
  schema.index({ a: 1, b: 1 }, { unique: true, sparse: true });
  const Thing = await compile(schema);
  for (const n of [1, 2]) await Thing.saveOrUpsert({ a: 'a', b: 'b', n });
  expect(await raw(Thing)).toMatchObject([{ n: 2 }]);
  const half = Thing.saveOrUpsert({ a: 'a' }, { conflictTarget: ['a', 'b'] });
  await expect(half).rejects.toThrow('`b` of');
});

it('a path of two indexes names neither of them: the name of one does', async () => {
  const schema = new Schema({ email: String, n: Number });
  schema.index({ email: 1 }, { unique: true });
  const collation = { locale: 'en', strength: 2 };
  schema.index({ email: 1 }, { unique: true, name: 'any_case', collation });
  const User = await compile(schema);
  const input = { email: 'a@x', n: 1 };
  const error = await rejection(User.saveOrUpsert(input, { conflictTarget: 'email' }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toHaveProperty(
    'message',
    'saveOrUpsert: conflictTarget "email" fits "email_1" (email) and "any_case" (email); ' +
      'pass the name of one of them.',
  );
  for (const conflictTarget of ['email_1', 'any_case']) {
    await User.saveOrUpsert(input, { conflictTarget });
    expect(await User.countDocuments()).toBe(1);
  }
});

describe('the schema-wide conflictTarget', () => {
  const schema = () =>
    new Schema({
      email: { type: String, unique: true },
      username: { type: String, unique: true },
      n: Number,
    });

  it('is the target of calls that name none', async () => {
    const User = await compile(schema(), { conflictTarget: 'email' });
    for (const username of ['a', 'b']) await User.saveOrUpsert({ email: 'a', username });
    expect(await raw(User)).toMatchObject([{ email: 'a', username: 'b' }]);
    await User.saveOrUpsert({ email: 'b', username: 'b' }, { conflictTarget: 'username' });
    expect(await raw(User)).toMatchObject([{ email: 'b', username: 'b' }]);
  });

  it('is checked by the call', async () => {
    const User = await compile(schema(), { conflictTarget: 'name' });
    await expect(User.saveOrUpsert({ email: 'a' })).rejects.toThrow('"name" is no unique index');
    await expect(compile(schema(), { conflictTarget: 5 as never })).rejects.toThrow(
      'uniqueGuard: options.conflictTarget is 5; it must be a path',
    );
  });
});

describe('a target on the base of discriminators', () => {
  let Event: AnyModel;
  let Click: AnyModel;
  let Key: AnyModel;
  beforeAll(async () => {
    Event = await compile(new Schema({ key: { type: String, unique: true }, n: Number }));
    Click = Event.discriminator('ClickEvent', new Schema({ x: Number })) as unknown as AnyModel;
    Key = Event.discriminator('KeyEvent', new Schema({ code: String })) as unknown as AnyModel;
  });
  beforeEach(() => Event.deleteMany());

  it.each(STRATEGIES)(
    'writes the kind, and refuses the key of another kind: %s',
    async (onConflict) => {
      const options = { onConflict, maxRetries: 1 } as const;
      await Click.saveOrUpsert({ key: 'a', x: 1 }, options);
      await Event.saveOrUpsert({ __t: 'KeyEvent', key: 'b', code: 'k' }, options);
      const before = await raw(Event);
      expect(before).toMatchObject([
        { __t: 'ClickEvent', x: 1 },
        { __t: 'KeyEvent', code: 'k' },
      ]);
      for (const write of [
        () => Key.saveOrUpsert({ key: 'a', code: 'k' }, options),
        () => Event.saveOrUpsert({ __t: 'ClickEvent', key: 'b' }, options),
      ]) {
        expect(await rejection(write())).toMatchObject({
          name: 'ValidationError',
          attempts: 2,
          errors: { key: { kind: 'unique' } },
        });
      }
      expect(await raw(Event)).toEqual(before);
    },
  );

  it('updates as the base what is of a kind, but does not replace it', async () => {
    await Click.saveOrUpsert({ key: 'a', x: 1 });
    await Event.saveOrUpsert({ key: 'a', n: 1 });
    expect(await raw(Event)).toMatchObject([{ __t: 'ClickEvent', x: 1, n: 1 }]);
    const replace = Event.saveOrUpsert({ key: 'a' }, { onConflict: 'replace', maxRetries: 0 });
    await expect(replace).rejects.toMatchObject({
      attempts: 1,
      errors: { key: { kind: 'unique' } },
    });
    expect(await raw(Event)).toMatchObject([{ __t: 'ClickEvent', x: 1, n: 1 }]);
    for (const n of [2, 3]) await Event.saveOrUpsert({ key: 'b', n }, { onConflict: 'replace' });
    expect((await raw(Event)).at(-1)).toEqual({
      _id: expect.anything() as unknown,
      key: 'b',
      n: 3,
      __v: 0,
    });
  });
});

describe('maxRetries', () => {
  let User: AnyModel;
  beforeAll(async () => {
    User = await compile(new Schema({ email: { type: String, unique: true } }));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  const duplicate = Object.assign(new Error('E11000 duplicate key error'), {
    code: 11000,
    keyPattern: { email: 1 },
    keyValue: { email: 'a' },
  });
  const driver = () => jest.spyOn(User.collection, 'findOneAndUpdate');

  it.each([
    [undefined, 6],
    [0, 1],
    [2, 3],
  ])('%s: the error says that it was tried %i times', async (maxRetries, attempts) => {
    const calls = driver().mockRejectedValue(duplicate as never);
    const options = maxRetries === undefined ? {} : { maxRetries };
    const error = await rejection(User.saveOrUpsert({ email: 'a' }, options));
    expect(error).toMatchObject({ name: 'ValidationError', code: 11000, attempts });
    expect(Object.keys(error as object)).not.toContain('attempts');
    expect(calls).toHaveBeenCalledTimes(attempts);
  });

  it('the result says how often it was tried', async () => {
    driver()
      .mockRejectedValueOnce(duplicate as never)
      .mockRejectedValueOnce(duplicate as never);
    expect(await User.saveOrUpsert({ email: 'a' })).toMatchObject({ created: true, attempts: 3 });
  });

  it('waits at random, up to 5 ms at first and twice that each time, up to 500', async () => {
    const waits: number[] = [];
    jest.spyOn(Math, 'random').mockReturnValue(1);
    jest.spyOn(timers, 'setTimeout').mockImplementation((ms) => {
      waits.push(ms ?? 0);
      return Promise.resolve() as never;
    });
    driver().mockRejectedValue(duplicate as never);
    await rejection(User.saveOrUpsert({ email: 'a' }, { maxRetries: 9 }));
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 500, 500]);
  });
});
