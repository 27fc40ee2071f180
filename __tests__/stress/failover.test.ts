import { setTimeout as sleep } from 'node:timers/promises';
import { Mongoose, Schema, Types, type Connection } from 'mongoose';
import type { MongoMemoryReplSet } from 'mongodb-memory-server';
import {
  isUniqueValidationError,
  uniqueGuard,
  type SaveOrUpsertManyResult,
} from 'mongoose-unique-guard';
import type { AnyModel } from '../support/writes';
import { startReplicaSet } from './replica-set';

const mongoose = new Mongoose();
mongoose.set('autoIndex', false);

const CALLERS = 64;
const STEP_DOWNS = 3;
/** Milliseconds of work before each. */
const BETWEEN = 1000;
/** Milliseconds in which the driver must find a primary. */
const SELECTION = 10_000;
/** Longer than it takes to fail twice. */
const DEADLINE = 60_000;

/** A call adds its id to `log` and one to `n`, so that `log` tells which calls counted, how often. */
const counterSchema = () =>
  new Schema(
    {
      key: String,
      on: { type: Boolean, default: true },
      n: { type: Number, default: 0 },
      log: [String],
      by: String,
    },
    { writeConcern: { w: 'majority' } },
  ).plugin(uniqueGuard, { conflictTarget: 'key' });
const plain = () => counterSchema().index({ key: 1 }, { unique: true });
const partial = () =>
  counterSchema().index({ key: 1 }, { unique: true, partialFilterExpression: { on: true } });

type Models = Record<'Plain' | 'Partial', AnyModel>;
const modelsOn = (connection: Connection): Models => ({
  Plain: connection.model('Plain', plain()) as unknown as AnyModel,
  Partial: connection.model('Partial', partial()) as unknown as AnyModel,
});

let server: MongoMemoryReplSet;
let retrying: Models;
let single: Models;
let admin: Connection;

beforeAll(async () => {
  server = await startReplicaSet(3);
  const common = {
    dbName: 'failover',
    maxPoolSize: CALLERS,
    // After a retry, Mongoose 8's driver keeps the process for as long.
    serverSelectionTimeoutMS: SELECTION,
  };
  const connect = (options: object) =>
    mongoose.createConnection(server.getUri(), { ...common, ...options }).asPromise();
  admin = await connect({});
  retrying = modelsOn(await connect({ retryWrites: true }));
  single = modelsOn(await connect({ retryWrites: false }));
  for (const model of Object.values(retrying)) {
    await model.createCollection();
    await model.ensureIndexes();
  }
}, 120_000);
afterAll(async () => {
  await mongoose.disconnect();
  await server.stop({ doCleanup: true, force: true });
}, 60_000);

/** Ends the primary's term at once, without waiting for the others; resolves when there is a new one. */
async function stepDown(): Promise<string> {
  const database = admin.getClient().db('admin');
  const primary = async () =>
    ((await database.command({ hello: 1 })) as { primary?: string }).primary;
  const before = await primary();
  await database.command({ replSetStepDown: 5, secondaryCatchUpPeriodSecs: 0, force: true });
  for (;;) {
    const now = await primary();
    if (now !== undefined && now !== before) return now;
    await sleep(50);
  }
}

/** Everything that the driver threw, with the labels that it had. */
const thrown = new Map<unknown, string[]>();
const labelsOf = (error: unknown) => [...((error as { errorLabels?: string[] }).errorLabels ?? [])];

function watchDriver({ collection }: AnyModel): void {
  const note = (error: unknown) => {
    thrown.set(error, labelsOf(error));
    throw error;
  };
  for (const method of ['findOneAndUpdate', 'bulkWrite'] as const) {
    const send = collection[method].bind(collection) as (...args: unknown[]) => Promise<unknown>;
    const watched = (...args: unknown[]) => send(...args).catch(note);
    jest.spyOn(collection, method).mockImplementation(watched as never);
  }
  // By which saveOrUpsertMany reads the `_id`s of documents that were there.
  const find = collection.find.bind(collection);
  jest.spyOn(collection, 'find').mockImplementation(((...args: Parameters<typeof find>) => {
    const cursor = find(...args);
    const toArray = cursor.toArray.bind(cursor);
    cursor.toArray = () => toArray().catch(note as never);
    return cursor;
  }) as never);
}

interface Row {
  key: string;
  /** What the row leaves in the database. */
  id: string;
}

interface Call {
  kind: string;
  retries: boolean;
  model: keyof Models;
  rows: Row[];
  /** Those that the call, or the error's `partialResult`, said were written. */
  resolved: Row[];
  /** What single rows of saveOrUpsertMany failed with. */
  rowErrors: unknown[];
  error?: unknown;
}

type Rows = [Row, ...Row[]];
type Results = Pick<SaveOrUpsertManyResult, 'results'>;

const SHARED_KEYS = 20;
const rowFor = (key: string): Row => ({ key, id: new Types.ObjectId().toHexString() });
const toKey = ({ key }: Row) => ({ key });
const inputOf = ({ key, id }: Row) => ({ key, by: id });
const toCount = ({ id }: Row) => ({ onConflict: { $inc: { n: 1 }, $push: { log: id } } });

/** What each kind of call sends; those that count write to shared keys, the others to their own. */
const KINDS = {
  count: (model, [row]) => one(model.saveOrUpsert(toKey(row), toCount(row))),
  'count many': (model, rows) => model.saveOrUpsertMany(rows.map(toKey), toCount(rows[0])),
  'count many in order': (model, rows) =>
    model.saveOrUpsertMany(rows.map(toKey), { ...toCount(rows[0]), ordered: true }),
  update: (model, [row]) => one(model.saveOrUpsert(inputOf(row))),
  skip: (model, [row]) => one(model.saveOrUpsert(inputOf(row), { onConflict: 'skip' })),
  replace: (model, [row]) => one(model.saveOrUpsert(inputOf(row), { onConflict: 'replace' })),
  list: (model, [row]) => one(model.saveOrUpsert(inputOf(row), { onConflict: { only: ['by'] } })),
  many: (model, rows) => model.saveOrUpsertMany(rows.map(inputOf), { batchSize: 4 }),
  'many in order': (model, rows) =>
    model.saveOrUpsertMany(rows.map(inputOf), { batchSize: 4, ordered: true }),
} satisfies Record<string, (model: AnyModel, rows: Rows) => Promise<Results>>;
const isCounting = (kind: string) => kind.startsWith('count');
const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[];

async function one(call: Promise<{ created: boolean }>): Promise<Results> {
  const { created } = await call;
  return { results: [{ index: 0, created, changed: true, _id: undefined }] };
}

async function makeCall(number: number): Promise<Call> {
  const kind = kinds[number % kinds.length] ?? 'count';
  const retries = number % 2 === 0;
  const model = number % 4 < 2 ? 'Plain' : 'Partial';
  const [first, ...others] = Array.from({ length: kind.includes('many') ? 12 : 1 }, (_, n) =>
    rowFor(isCounting(kind) ? `shared ${(number + n) % SHARED_KEYS}` : `${number} and ${n}`),
  );
  if (first === undefined) throw new Error('a call has a row');
  // One update for all rows.
  const rows: Rows = [
    first,
    ...others.map((row) => (isCounting(kind) ? { ...row, id: first.id } : row)),
  ];
  const call = { kind, retries, model, rows } as const;
  const of = ({ results }: Results) => ({
    resolved: rows.filter((_, n) => results[n] !== undefined && results[n].error === undefined),
    rowErrors: results.flatMap(({ error }) => error ?? []),
  });
  try {
    return { ...call, ...of(await KINDS[kind]((retries ? retrying : single)[model], rows)) };
  } catch (error) {
    const { partialResult = { results: [] } } = error as { partialResult?: Results };
    return { ...call, ...of(partialResult), error };
  }
}

/** Keeps 64 calls in flight while the primary steps down again and again. */
async function callsThroughElections(): Promise<{ calls: Call[]; primaries: string[] }> {
  const calls: Call[] = [];
  let started = 0;
  let isOver = false;
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      started += 1;
      calls.push(await makeCall(started));
    }
  });
  const primaries: string[] = [];
  const work = async () => {
    for (let round = 0; round < STEP_DOWNS; round += 1) {
      await sleep(BETWEEN);
      primaries.push(await stepDown());
    }
    await sleep(BETWEEN);
    isOver = true;
    await Promise.all(callers);
  };
  const deadline = new AbortController();
  await Promise.race([
    work(),
    sleep(DEADLINE, undefined, { signal: deadline.signal }).then(() => {
      isOver = true;
      throw new Error(
        `after ${DEADLINE} ms, with ${primaries.length} of ${STEP_DOWNS} elections done, ` +
          `${started - calls.length} of ${started} calls hang`,
      );
    }),
  ]).finally(() => {
    deadline.abort();
  });
  return { calls, primaries };
}

describe('three elections with 64 calls in flight', () => {
  let calls: Call[];
  let primaries: string[];
  let documents: { model: keyof Models; key: string; by?: string; n: number; log: string[] }[];

  beforeAll(async () => {
    for (const model of [...Object.values(retrying), ...Object.values(single)]) watchDriver(model);
    ({ calls, primaries } = await callsThroughElections());
    jest.restoreAllMocks();
    documents = [];
    for (const model of ['Plain', 'Partial'] as const) {
      const found = await retrying[model].find().read('primary').lean();
      documents.push(...found.map((document) => ({ ...document, model })));
    }
  }, DEADLINE + 30_000);

  const idOf = ({ model, key }: { model: string; key: string }) => `${model} ${key}`;
  const failed = () => calls.filter(({ error }) => error !== undefined);

  it('each had another primary, calls of each kind came through, and some did not', () => {
    expect(primaries).toHaveLength(STEP_DOWNS);
    expect(primaries.every((one, n) => one !== primaries[n - 1])).toBe(true);
    const through = calls.filter(({ error }) => error === undefined);
    expect(new Set(through.map(({ kind }) => kind))).toEqual(new Set(kinds));
    expect(through.length).toBeGreaterThan(CALLERS);
    // The client that does not try again meets each election.
    expect(failed().some(({ retries }) => !retries)).toBe(true);
  });

  it('every row that resolved is in the database', () => {
    const byKey = new Map(documents.map((document) => [idOf(document), document]));
    const missing = calls.flatMap(({ model, kind, resolved }) =>
      resolved.filter(({ key, id }) => {
        const { by, log = [] } = byKey.get(idOf({ model, key })) ?? {};
        return isCounting(kind) ? !log.includes(id) : by !== id;
      }),
    );
    expect(missing).toEqual([]);
  });

  it('there is one document for each key', () => {
    const keys = documents.map(idOf);
    expect(keys.filter((key, n) => keys.indexOf(key) !== n)).toEqual([]);
    const asked = new Set(
      calls.flatMap(({ model, rows }) => rows.map(({ key }) => idOf({ model, key }))),
    );
    expect(keys.filter((key) => !asked.has(key))).toEqual([]);
  });

  it('each call that counts is counted once, those that were rejected at the most once', () => {
    const twice = documents.filter(({ log }) => new Set(log).size < log.length);
    expect(twice.map(({ key }) => key)).toEqual([]);
    for (const { n, log } of documents) expect(n).toBe(log.length);
    const counting = calls.filter(({ kind }) => isCounting(kind));
    const counted = documents.reduce((sum, { n }) => sum + n, 0);
    const resolved = counting.flatMap((call) => call.resolved);
    expect(counted).toBeGreaterThanOrEqual(resolved.length);
    expect(counted).toBeLessThanOrEqual(counting.flatMap(({ rows }) => rows).length);
    expect(resolved.length).toBeGreaterThan(0);
  });

  it("the others rejected with the driver's own error, its labels on it, no row with one", () => {
    expect(calls.flatMap(({ rowErrors }) => rowErrors)).toEqual([]);
    for (const { error } of failed()) {
      expect(error).toBeInstanceOf(mongoose.mongo.MongoError);
      expect(thrown.get(error)).toEqual(labelsOf(error));
      expect(isUniqueValidationError(error)).toBe(false);
      for (const ours of ['errors', 'attempts', 'uniqueGuard']) {
        expect(error).not.toHaveProperty(ours);
      }
    }
  });
});
