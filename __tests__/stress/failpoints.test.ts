import { Mongoose, Schema, type Connection } from 'mongoose';
import type { MongoMemoryReplSet } from 'mongodb-memory-server';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';
import type { AnyModel } from '../support/writes';
import { withFailPoint, type FailPoint } from './fail-point';
import { startReplicaSet } from './replica-set';

const mongoose = new Mongoose();
mongoose.set('autoIndex', false);

/** The fail points hit this client alone, not those who look at what it did. */
const appName = 'tested';

const userSchema = () =>
  new Schema({
    email: { type: String, unique: true },
    username: { type: String, unique: true, sparse: true },
    name: { type: String, required: true },
    logins: { type: Number, default: 0 },
  }).plugin(uniqueGuard, { conflictTarget: 'email' });

/** The server does not settle a race on a partial index by itself. */
const thingSchema = () =>
  new Schema({ key: String, on: { type: Boolean, default: true }, n: Number, by: String })
    .index({ key: 1 }, { unique: true, partialFilterExpression: { on: true } })
    .plugin(uniqueGuard);

interface Client {
  connection: Connection;
  User: AnyModel;
  Thing: AnyModel;
}

let server: MongoMemoryReplSet;
let admin: Connection;
let clients: Record<'retrying' | 'plain', Client>;

beforeAll(async () => {
  server = await startReplicaSet(1, { enableTestCommands: 1 });
  admin = await mongoose.createConnection(server.getUri()).asPromise();
  clients = { retrying: await connect(true), plain: await connect(false) };
  for (const model of [clients.plain.User, clients.plain.Thing]) {
    await model.createCollection();
    await model.ensureIndexes();
  }
}, 60_000);
afterAll(async () => {
  await mongoose.disconnect();
  await server.stop({ doCleanup: true, force: true });
});
beforeEach(async () => {
  await clients.plain.User.deleteMany();
  await clients.plain.Thing.deleteMany();
});
afterEach(() => {
  jest.restoreAllMocks();
});

async function connect(retryWrites: boolean): Promise<Client> {
  const options = {
    dbName: 'failpoints',
    appName,
    retryWrites,
    // After a retry, Mongoose 8's driver keeps the process for as long.
    serverSelectionTimeoutMS: 2000,
  };
  const connection = await mongoose.createConnection(server.getUri(), options).asPromise();
  return {
    connection,
    User: connection.model('User', userSchema()) as unknown as AnyModel,
    Thing: connection.model('Thing', thingSchema()) as unknown as AnyModel,
  };
}

/** `failCommand` for the command that a static sends. */
const failing = (
  command: 'findAndModify' | 'update',
  mode: FailPoint['mode'],
  data: object,
): FailPoint => ({
  name: 'failCommand',
  mode,
  data: { failCommands: [command], appName, ...data },
});
const duplicateOf = (path: string) => ({
  errorCode: 11000,
  errorExtraInfo: { keyPattern: { [path]: 1 }, keyValue: { [path]: 'a@x' } },
});

const input = () => ({ email: 'a@x', name: 'A', username: 'a' });
const count = { onConflict: { $inc: { logins: 1 } } } as const;
const stored = () => clients.plain.User.collection.find().sort({ email: 1 }).toArray();

/** Everything that the driver rejected with, each with its labels as they were then. */
function watchDriver({ collection }: AnyModel): { error: unknown; labels: string[] }[] {
  const seen: { error: unknown; labels: string[] }[] = [];
  for (const method of ['findOneAndUpdate', 'bulkWrite'] as const) {
    const send = collection[method].bind(collection) as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(collection, method).mockImplementation(((...args: unknown[]) =>
      send(...args).catch((error: unknown) => {
        seen.push({ error, labels: labelsOf(error) });
        throw error;
      })) as never);
  }
  return seen;
}

function labelsOf(error: unknown): string[] {
  return [...((error as { errorLabels?: string[] }).errorLabels ?? [])];
}

/** The driver's own object, and nothing of ours on it. */
function expectDriversOwn(error: unknown, seen: ReturnType<typeof watchDriver>): void {
  const last = seen.at(-1);
  expect(error).toBe(last?.error);
  expect(labelsOf(error)).toEqual(last?.labels);
  expect(isUniqueValidationError(error)).toBe(false);
  for (const ours of ['errors', 'validationErrors', 'attempts', 'uniqueGuard']) {
    expect(error).not.toHaveProperty(ours);
  }
}

describe('a duplicate on the conflict target', () => {
  it.each([true, false])('on the first try is no error; created: %s', async (created) => {
    const { User } = clients.plain;
    if (!created) await User.create(input());
    const outcome = await withFailPoint(
      admin,
      failing('findAndModify', { times: 1 }, duplicateOf('email')),
      () => User.saveOrUpsert({ ...input(), name: 'B' }, count),
    );
    expect(outcome).toMatchObject({ hits: 1, value: { created, attempts: 2, doc: { logins: 1 } } });
    expect(await stored()).toMatchObject([{ email: 'a@x', name: created ? 'B' : 'A', logins: 1 }]);
  });

  it.each([
    [0, 1],
    [1, 2],
    [3, 4],
    [undefined, 6],
  ])('for ever: maxRetries %s makes %d tries, and then it is told', async (maxRetries, tries) => {
    const { User } = clients.plain;
    const outcome = await withFailPoint(
      admin,
      failing('findAndModify', 'alwaysOn', duplicateOf('email')),
      () => User.saveOrUpsert(input(), maxRetries === undefined ? {} : { maxRetries }),
    );
    expect(outcome).toMatchObject({
      hits: tries,
      reason: {
        name: 'ValidationError',
        attempts: tries,
        errors: { email: { kind: 'unique', value: 'a@x' } },
      },
    });
    expect(await stored()).toEqual([]);
  });

  it.each(['username', '_id'])('on another index (%s) makes one try', async (path) => {
    const { User } = clients.plain;
    const outcome = await withFailPoint(
      admin,
      failing('findAndModify', 'alwaysOn', duplicateOf(path)),
      () => User.saveOrUpsert(input()),
    );
    expect(outcome).toMatchObject({ hits: 1, reason: { errors: { [path]: { kind: 'unique' } } } });
    expect(outcome).not.toHaveProperty('reason.attempts');
  });
});

describe('a race that another client wins between the search and the insert', () => {
  /** Holds the upsert where it has found no document, and inserts one. */
  const overtake = <T>(run: () => Promise<T>) =>
    withFailPoint(
      admin,
      { name: 'hangBeforeUpsertPerformsInsert', mode: 'alwaysOn' },
      async ({ wait, open }) => {
        const call = run();
        await wait();
        const { collection } = clients.plain.Thing;
        await collection.insertOne({ key: 'a', on: true, n: 1, by: 'other' });
        await open();
        return call;
      },
    );
  const things = () => clients.plain.Thing.collection.find().sort({ key: 1 }).toArray();

  it.each<[object, object]>([
    [{}, { by: 'us', n: 1 }],
    [{ onConflict: 'skip' }, { by: 'other', n: 1 }],
    [{ onConflict: 'replace' }, { by: 'us' }],
    [{ onConflict: { $inc: { n: 1 } } }, { by: 'other', n: 2 }],
  ])('saveOrUpsert, %j: runs again on the document that is there now', async (options, holds) => {
    const { Thing } = clients.plain;
    const outcome = await overtake(() => Thing.saveOrUpsert({ key: 'a', by: 'us' }, options));
    expect(outcome).toMatchObject({ value: { created: false, attempts: 2, doc: holds } });
    expect(await things()).toMatchObject([holds]);
  });

  it.each<[object, object, object]>([
    [{}, { updated: 1 }, { by: 'us', n: 1 }],
    [{ onConflict: 'skip' }, { skipped: 1 }, { by: 'other', n: 1 }],
    [{ onConflict: 'replace' }, { updated: 1 }, { by: 'us' }],
    [{ onConflict: { $inc: { n: 1 } } }, { updated: 1 }, { by: 'other', n: 2 }],
    [{ ordered: true }, { updated: 1 }, { by: 'us', n: 1 }],
  ])('saveOrUpsertMany, %j: the same for that row alone', async (options, counts, holds) => {
    const { Thing } = clients.plain;
    const inputs = ['a', 'b', 'c'].map((key) => ({ key, by: 'us' }));
    const outcome = await overtake(() => Thing.saveOrUpsertMany(inputs, options));
    expect(outcome).toMatchObject({ value: { created: 2, failed: 0, ...counts } });
    expect(await things()).toMatchObject([holds, { key: 'b' }, { key: 'c' }]);
  });

  it('without retries it is told', async () => {
    const { Thing } = clients.plain;
    const single = await overtake(() => Thing.saveOrUpsert({ key: 'a' }, { maxRetries: 0 }));
    expect(single).toMatchObject({ reason: { attempts: 1, errors: { key: { value: 'a' } } } });
    await Thing.deleteMany();
    const many = await overtake(() =>
      Thing.saveOrUpsertMany([{ key: 'a' }, { key: 'b' }], { maxRetries: 0 }),
    );
    expect(many).toMatchObject({ value: { created: 1, failed: 1 } });
    expect(many).toHaveProperty('value.results.0.error.attempts', 1);
  });
});

describe('a connection that is lost', () => {
  const SENDS: [string, 'findAndModify' | 'update', (User: AnyModel) => Promise<unknown>][] = [
    ['saveOrUpsert', 'findAndModify', (User) => User.saveOrUpsert(input(), count)],
    ['saveOrUpsertMany', 'update', (User) => User.saveOrUpsertMany([input()], count)],
    [
      'saveOrUpsertMany of partial inputs',
      'findAndModify',
      (User) => User.saveOrUpsertMany([{ email: 'a@x' }], { ...count, validateModifiedOnly: true }),
    ],
  ];
  const lost = (command: 'findAndModify' | 'update') =>
    failing(command, { times: 1 }, { closeConnection: true });

  it.each(SENDS)('%s: with retryable writes it is written once', async (name, command, send) => {
    const { User } = clients.retrying;
    if (name.includes('partial')) await User.create(input());
    const outcome = await withFailPoint(admin, lost(command), () => send(User));
    expect(outcome).toMatchObject({ hits: 1, status: 'fulfilled' });
    if (name === 'saveOrUpsert')
      expect(outcome).toMatchObject({ value: { attempts: 1, created: true } });
    expect(await stored()).toMatchObject([{ email: 'a@x', logins: 1 }]);
  });

  it.each(SENDS)('%s: a write whose answer is lost counts once', async (name, _, send) => {
    const { User } = clients.retrying;
    if (name.includes('partial')) await User.create(input());
    const created = !name.includes('partial');
    const outcome = await withFailPoint(
      admin,
      {
        name: 'onPrimaryTransactionalWrite',
        mode: { times: 1 },
        data: { closeConnection: true },
      },
      () => send(User),
    );
    expect(outcome).toMatchObject({ hits: 1, status: 'fulfilled' });
    if (name === 'saveOrUpsert')
      expect(outcome).toMatchObject({ value: { attempts: 1, created: true } });
    else expect(outcome).toMatchObject({ value: { results: [{ created }] } });
    expect(await stored()).toMatchObject([{ email: 'a@x', logins: 1 }]);
  });

  it.each(SENDS)("%s: without them it is the driver's own error", async (name, command, send) => {
    const { User } = clients.plain;
    if (name.includes('partial')) await User.create(input());
    const before = await stored();
    const seen = watchDriver(User);
    const outcome = await withFailPoint(admin, lost(command), () => send(User));
    expect(outcome).toMatchObject({ hits: 1, status: 'rejected' });
    const { reason } = outcome as unknown as PromiseRejectedResult;
    expectDriversOwn(reason, seen);
    expect(reason).toBeInstanceOf(mongoose.mongo.MongoError);
    expect(seen).toHaveLength(1);
    expect(await stored()).toEqual(before);
  });
});

describe('many batches, one of which is lost', () => {
  const inputs = Array.from({ length: 30 }, (_, n) => ({
    email: `${String(n).padStart(2, '0')}@x`,
    name: 'N',
  }));
  const lostSecond = failing('update', { skip: 1 }, { closeConnection: true });
  const send = ({ User }: Client, options: object) =>
    User.saveOrUpsertMany(inputs, { ...count, batchSize: 10, ...options });

  it.each([{ ordered: false }, { ordered: true }])(
    "%j: rejects with the driver's error, which has what became of the first",
    async (options) => {
      const progress: object[] = [];
      const seen = watchDriver(clients.plain.User);
      const onProgress = (one: object) => progress.push(one);
      const outcome = await withFailPoint(admin, lostSecond, () =>
        send(clients.plain, { ...options, onProgress }),
      );
      const { reason } = outcome as PromiseRejectedResult;
      expectDriversOwn(reason, seen);
      expect(Object.keys(reason as object)).not.toContain('partialResult');
      expect(reason).toMatchObject({
        partialResult: { created: 10, updated: 0, skipped: 0, failed: 0 },
      });
      const { results } = (reason as { partialResult: { results: { _id: unknown }[] } })
        .partialResult;
      const all = await stored();
      expect(all).toHaveLength(10);
      expect(results).toEqual(
        all.map(({ _id }, index) => ({ index, created: true, changed: true, _id })),
      );
      expect(progress).toEqual([{ done: 10, total: 30 }]);
    },
  );

  it('the same call again writes what is missing', async () => {
    await withFailPoint(admin, lostSecond, () => send(clients.plain, {}));
    expect(await send(clients.plain, {})).toMatchObject({ created: 20, updated: 10, failed: 0 });
  });

  it('with retryable writes nobody notices', async () => {
    const point = failing('update', { times: 1 }, { closeConnection: true });
    const outcome = await withFailPoint(admin, point, () => send(clients.retrying, {}));
    expect(outcome).toMatchObject({ hits: 1, value: { created: 30, failed: 0 } });
    expect((await stored()).every(({ logins }) => logins === 1)).toBe(true);
  });
});

describe('in a transaction', () => {
  type Run = (User: AnyModel, session: never) => Promise<unknown>;
  const SENDS: [string, 'findAndModify' | 'update', Run][] = [
    ['saveOrUpsert', 'findAndModify', (User, session) => User.saveOrUpsert(input(), { session })],
    [
      'saveOrUpsertMany',
      'update',
      (User, session) => User.saveOrUpsertMany([input()], { session }),
    ],
  ];
  const conflict = { errorCode: 112, errorLabels: ['TransientTransactionError'] };

  it.each(SENDS)('%s: an error with labels reaches the driver', async (_, command, run) => {
    const { connection, User } = clients.plain;
    const seen = watchDriver(User);
    let runs = 0;
    const outcome = await withFailPoint(admin, failing(command, { times: 2 }, conflict), () =>
      connection.transaction(async (session) => {
        runs += 1;
        await run(User, session as never);
      }),
    );
    expect(outcome).toMatchObject({ status: 'fulfilled', hits: 2 });
    expect(runs).toBe(3);
    expect(seen.map(({ labels }) => labels)).toEqual([
      ['TransientTransactionError'],
      ['TransientTransactionError'],
    ]);
    expect(await stored()).toMatchObject([{ email: 'a@x', name: 'A' }]);
  });

  it.each(SENDS)('%s: tries once, and passes that error on', async (_, command, run) => {
    const { connection, User } = clients.plain;
    const seen = watchDriver(User);
    const session = await connection.startSession();
    session.startTransaction();
    const point = failing(command, 'alwaysOn', conflict);
    const outcome = await withFailPoint(admin, point, () => run(User, session as never));
    await session.abortTransaction();
    await session.endSession();
    expect(outcome).toMatchObject({ status: 'rejected', hits: 1 });
    expectDriversOwn((outcome as PromiseRejectedResult).reason, seen);
    expect(await stored()).toEqual([]);
  });

  it('a duplicate on the conflict target is tried once and told', async () => {
    const { connection, User } = clients.plain;
    const point = failing('findAndModify', 'alwaysOn', duplicateOf('email'));
    let runs = 0;
    const outcome = await withFailPoint(admin, point, () =>
      connection.transaction(async (session) => {
        runs += 1;
        await User.saveOrUpsert(input(), { session: session as never });
      }),
    );
    expect(outcome).toMatchObject({ hits: 1, reason: { errors: { email: { kind: 'unique' } } } });
    expect(outcome).toHaveProperty('reason.attempts', 1);
    expect(runs).toBe(1);
  });
});

describe('a write concern that is not met', () => {
  const writeConcernError = {
    code: 64,
    codeName: 'WriteConcernFailed',
    errmsg: 'waiting for replication timed out',
    errInfo: { wtimeout: true },
  };
  const unmet = (command: 'findAndModify' | 'update') =>
    failing(command, 'alwaysOn', { writeConcernError });

  it.each<[string, 'findAndModify' | 'update', (User: AnyModel) => Promise<unknown>]>([
    ['saveOrUpsert', 'findAndModify', (User) => User.saveOrUpsert(input())],
    ['saveOrUpsertMany', 'update', (User) => User.saveOrUpsertMany([input()])],
    [
      'saveOrUpsertMany, in order',
      'update',
      (User) => User.saveOrUpsertMany([input()], { ordered: true }),
    ],
    [
      'saveOrUpsertMany of partial inputs',
      'findAndModify',
      async (User) => {
        await User.collection.insertOne(input());
        return User.saveOrUpsertMany([{ email: 'a@x', logins: 7 }], { validateModifiedOnly: true });
      },
    ],
  ])("%s: is the driver's error, though the document is there", async (_, command, send) => {
    const { User } = clients.plain;
    const seen = watchDriver(User);
    const outcome = await withFailPoint(admin, unmet(command), () => send(User));
    expect(outcome).toMatchObject({ hits: 1, status: 'rejected', reason: { code: 64 } });
    expectDriversOwn((outcome as PromiseRejectedResult).reason, seen);
    expect(await stored()).toMatchObject([{ email: 'a@x' }]);
  });

  it('is not hidden by rows that the server refused', async () => {
    const { User } = clients.plain;
    await User.create({ email: 'taken@x', name: 'T', username: 'a' });
    const inputs = [input(), { email: 'b@x', name: 'B' }];
    const outcome = await withFailPoint(admin, unmet('update'), () =>
      User.saveOrUpsertMany(inputs),
    );
    expect(outcome).toMatchObject({ hits: 1, status: 'rejected' });
    expect(await stored()).toMatchObject([{ email: 'b@x' }, { email: 'taken@x' }]);
  });
});
