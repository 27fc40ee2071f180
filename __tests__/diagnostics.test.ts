import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { rmSync } from 'node:fs';
import { Schema } from 'mongoose';
import { toValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { makeWorkplace } from './support/command';
import { testUri, useDatabase } from './support/database';
import { rejection } from './support/writes';

const mongoose = useDatabase();
const userSchema = new Schema({
  email: { type: String, unique: true },
  handle: { type: String, unique: true, sparse: true },
});
userSchema.plugin(uniqueGuard);
const User = mongoose.model('User', userSchema);

const CHANNEL = 'mongoose-unique-guard:duplicate';
const messages: unknown[] = [];
const collect = (message: unknown) => void messages.push(message);
const a = { email: 'a@example.org' };
const b = { email: 'b@example.org' };
const wrong = { email: { wrong: true } as unknown as string };

beforeAll(() => User.createIndexes());
beforeEach(async () => {
  await User.deleteMany();
  await User.create([{ ...a, handle: 'a' }, b]);
  messages.length = 0;
  subscribe(CHANNEL, collect);
});
afterEach(() => unsubscribe(CHANNEL, collect));

const message = (operation: string | undefined, converted = true) => ({
  model: 'User',
  index: 'email_1',
  paths: ['email'],
  operation,
  converted,
});

describe('mongoose-unique-guard:duplicate', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['save', () => User.create(a)],
    [
      'save',
      async () => {
        const user = await User.findOne(b);
        await user?.set(a).save();
      },
    ],
    ['updateOne', () => User.updateOne(b, a)],
    ['updateMany', () => User.updateMany(b, a)],
    ['findOneAndUpdate', () => User.findOneAndUpdate(b, a)],
    ['replaceOne', () => User.replaceOne(b, a)],
    ['findOneAndReplace', () => User.findOneAndReplace(b, a)],
    ['insertOne', () => User.insertMany([a])],
    ['insertOne', () => User.bulkWrite([{ insertOne: { document: a } }])],
    ['updateOne', () => User.bulkWrite([{ updateOne: { filter: b, update: a } }])],
    ['updateMany', () => User.bulkWrite([{ updateMany: { filter: b, update: a } }])],
    ['replaceOne', () => User.bulkWrite([{ replaceOne: { filter: b, replacement: a } }])],
    [
      'aggregate',
      () =>
        User.aggregate([
          { $match: b },
          { $set: { ...a, _id: 1 } },
          { $merge: { into: User.collection.name } },
        ]),
    ],
  ])('publishes a duplicate of %s once, without values', async (operation, write) => {
    await expect(write()).rejects.toThrow();
    expect(messages).toEqual([message(operation)]);
  });

  it('publishes a duplicate of another index of saveOrUpsert and saveOrUpsertMany', async () => {
    const input = { ...b, handle: 'a' };
    const expected = { ...message('saveOrUpsert'), index: 'handle_1', paths: ['handle'] };
    await expect(User.saveOrUpsert(input, { conflictTarget: 'email' })).rejects.toThrow();
    expect(messages.splice(0)).toEqual([expected]);
    await User.saveOrUpsertMany([input], { conflictTarget: 'email' });
    expect(messages).toEqual([expected]);
  });

  it('publishes each row of a bulk', async () => {
    await expect(User.insertMany([a, b], { ordered: false })).rejects.toThrow();
    expect(messages).toEqual([message('insertOne'), message('insertOne')]);
  });

  it('publishes what toValidationError converts, without an operation', async () => {
    const error = await rejection(User.collection.insertOne({ ...a }));
    toValidationError(error, User);
    expect(messages).toEqual([message(undefined)]);
  });

  it('publishes nothing for a successful write and for other errors', async () => {
    await User.create({ email: 'c@example.org' });
    await expect(User.create(wrong)).rejects.toThrow();
    await expect(User.updateOne(b, { $inc: { email: 1 } })).rejects.toThrow();
    expect(messages).toEqual([]);
  });

  it('publishes a duplicate that stays as it is with converted: false', async () => {
    const schema = new Schema({ email: { type: String, unique: true } }, { collection: 'users' });
    schema.plugin(uniqueGuard, {
      message: () => {
        throw new Error('no message');
      },
    });
    const Failing = mongoose.model('Failing', schema);
    await expect(Failing.create(a)).rejects.toMatchObject({ code: 11000 });
    expect(messages).toEqual([{ ...message('save', false), model: 'Failing' }]);
  });

  it('publishes the paths of an index that the schema does not declare', async () => {
    await User.deleteMany();
    await User.collection.createIndex({ old: 1, key: 1 }, { unique: true, name: 'left' }, {});
    await User.create(a);
    await rejection(User.create(b));
    await User.collection.dropIndex('left');
    expect(messages).toEqual([{ ...message('save', false), index: 'left', paths: ['old', 'key'] }]);
  });

  it('publishes an index only if it is known which one it is', async () => {
    const text = `E11000 duplicate key error collection: ${User.db.name}.users`;
    const MongoServerError = mongoose.mongo.MongoServerError;
    const insertOne = jest.spyOn(User.collection, 'insertOne');
    for (const input of [{ email: 'c@example.org' }, { email: 'd@example.org', handle: 'd' }]) {
      insertOne.mockRejectedValueOnce(
        new MongoServerError({ message: text, code: 11000 }) as never,
      );
      await rejection(User.create(input));
    }
    insertOne.mockRestore();
    expect(messages).toEqual([
      message('save'),
      { ...message('save', false), index: undefined, paths: [] },
    ]);
  });
});

describe('tracing channels', () => {
  const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
  const NAMES = ['saveOrUpsert', 'saveOrUpsertMany'] as const;
  type Seen = [event: string, model: unknown, outcome: unknown];

  /** Subscribes by the full names of Node's convention. */
  async function trace(call: () => Promise<unknown>): Promise<Seen[]> {
    const seen: Seen[] = [];
    const stops = NAMES.flatMap((name) =>
      EVENTS.map((event) => {
        const channel = `tracing:mongoose-unique-guard:${name}:${event}`;
        const note = (data: unknown) => {
          const { model, result, error } = data as Record<string, unknown>;
          seen.push([`${name}:${event}`, model, error ?? result]);
        };
        subscribe(channel, note);
        return () => unsubscribe(channel, note);
      }),
    );
    try {
      await call();
    } finally {
      for (const stop of stops) stop();
    }
    return seen;
  }

  it.each<[(typeof NAMES)[number], () => Promise<unknown>]>([
    ['saveOrUpsert', () => User.saveOrUpsert(a)],
    ['saveOrUpsertMany', () => User.saveOrUpsertMany([a])],
  ])('surround %s with the name of the model and the result', async (name, call) => {
    let result: unknown;
    const seen = await trace(async () => (result = await call()));
    expect(seen).toEqual([
      [`${name}:start`, 'User', undefined],
      [`${name}:end`, 'User', undefined],
      [`${name}:asyncStart`, 'User', result],
      [`${name}:asyncEnd`, 'User', result],
    ]);
  });

  it.each<[(typeof NAMES)[number], () => Promise<unknown>]>([
    ['saveOrUpsert', () => User.saveOrUpsert(wrong)],
    ['saveOrUpsert', () => User.saveOrUpsert(a, { maxRetries: -1 })],
    ['saveOrUpsertMany', () => User.saveOrUpsertMany([a], { maxRetries: -1 })],
  ])('surround a %s that rejects', async (name, call) => {
    let error: unknown;
    const seen = await trace(async () => (error = await rejection(call())));
    expect(seen).toEqual([
      [`${name}:start`, 'User', undefined],
      [`${name}:end`, 'User', undefined],
      [`${name}:error`, 'User', error],
      [`${name}:asyncStart`, 'User', error],
      [`${name}:asyncEnd`, 'User', error],
    ]);
    expect(error).toBeInstanceOf(Error);
  });

  it('can be subscribed as one object', async () => {
    const start = jest.fn();
    const ignore = () => undefined;
    const calls = tracingChannel('mongoose-unique-guard:saveOrUpsert');
    const subscribers = { start, end: ignore, asyncStart: ignore, asyncEnd: ignore, error: ignore };
    calls.subscribe(subscribers);
    await User.saveOrUpsert(a);
    calls.unsubscribe(subscribers);
    await User.saveOrUpsert(a);
    expect(start).toHaveBeenCalledTimes(1);
  });
});

/** In a process of its own: Node ends it unless it handles the exception. */
const THROWING = `
const { channel } = require('node:diagnostics_channel');
const mongoose = require('mongoose');
const { uniqueGuard } = require('mongoose-unique-guard');

const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];
const calls = ['saveOrUpsert', 'saveOrUpsertMany'].map((name) => 'tracing:mongoose-unique-guard:' + name);
const names = calls.flatMap((name) => events.map((event) => name + ':' + event));
const thrown = [];
process.on('uncaughtException', ({ message }) => thrown.push(message));
const schema = new mongoose.Schema({ email: { type: String, unique: true } });
schema.plugin(uniqueGuard);
const User = mongoose.model('ThrowingUser', schema);
const outcomeOf = (call) => call.then(({ doc, failed }) => ['resolved', doc?.email ?? failed], (error) =>
  ['rejected', error.name, Object.keys(error.errors ?? {})]);

async function main() {
  await mongoose.connect(process.env.MONGODB_URI);
  await User.init();
  await User.deleteMany();
  await User.create({ email: 'a' });
  const callAll = async () => [
    await outcomeOf(User.create({ email: 'a' })),
    await outcomeOf(User.saveOrUpsert({ email: 'a' })),
    await outcomeOf(User.saveOrUpsert({ email: { wrong: true } })),
    await outcomeOf(User.saveOrUpsertMany([{ email: 'a' }, {}])),
    await outcomeOf(User.saveOrUpsertMany([], { batchSize: 0 })),
  ];
  const before = await callAll();
  for (const name of [...names, 'mongoose-unique-guard:duplicate']) {
    channel(name).subscribe(() => {
      throw new Error(name);
    });
  }
  const after = await callAll();
  await mongoose.disconnect();
  console.log(JSON.stringify({ before, after, thrown: [...new Set(thrown)].sort(), names: names.sort() }));
}
main();
`;

it('a subscriber that throws does not change what the caller receives', async () => {
  const place = makeWorkplace();
  const env = { MONGODB_URI: testUri() };
  const { stdout, stderr } = await place.run([], { nodeArgs: ['-e', THROWING], env });
  rmSync(place.directory, { recursive: true });
  expect(stderr).toBe('');
  const { before, after, thrown, names } = JSON.parse(stdout) as Record<string, string[]>;
  expect(after).toEqual(before);
  expect(before).toEqual([
    ['rejected', 'ValidationError', ['email']],
    ['resolved', 'a'],
    ['rejected', 'ValidationError', ['email']],
    ['resolved', 1],
    ['rejected', 'TypeError', []],
  ]);
  expect(thrown).toEqual(['mongoose-unique-guard:duplicate', ...(names ?? [])]);
});
