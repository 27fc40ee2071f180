import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as sleep } from 'node:timers/promises';
import { Schema } from 'mongoose';
import { isUniqueValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import type { AnyModel } from '../support/writes';

const SECONDS = Number(process.env['STRESS_SECONDS'] ?? 30);
const CALLERS = 64;
const KEYS = 500;
/** Half of all calls go to these, so that they meet. */
const HOT_KEYS = 10;

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const fields = {
  key: { type: String, required: true },
  on: { type: Boolean, default: true },
  badge: { type: String, unique: true, sparse: true },
  name: String,
  n: { type: Number, default: 0 },
  x: Number,
  y: Number,
};
const plain = () => new Schema(fields).index({ key: 1 }, { unique: true });
/** The server does not settle a race on a partial index by itself. */
const partial = () =>
  new Schema(fields).index({ key: 1 }, { unique: true, partialFilterExpression: { on: true } });

/** What happened; few of each, so that the figures themselves take no memory. */
const figures = {
  calls: 0,
  rows: 0,
  lostRaces: 0,
  refused: 0,
  deleted: 0,
  unexpected: [] as string[],
};
/** What all calls that resolved added to `n`, less what deleted documents had of it. */
const counted = new Map<AnyModel, number>();

const pick = (count: number) => Math.floor(Math.random() * count);
const pickKey = () => `key ${pick(2) === 0 ? pick(HOT_KEYS) : pick(KEYS)}`;
const pickKeys = () => Array.from({ length: 20 }, pickKey);

function add(model: AnyModel, n: number): void {
  counted.set(model, (counted.get(model) ?? 0) + n);
}

function isBadgeTaken(error: unknown): boolean {
  return isUniqueValidationError(error) && Object.keys(error.errors).join() === 'badge';
}

function report(unexpected: string): void {
  if (figures.unexpected.length < 10) figures.unexpected.push(unexpected);
}

async function one(call: Promise<unknown>): Promise<void> {
  figures.rows += 1;
  await call;
}

/** Not by a spy, which keeps what it was called with. */
function countLostRaces({ collection }: AnyModel): void {
  for (const method of ['findOneAndUpdate', 'bulkWrite'] as const) {
    const send = collection[method].bind(collection) as (...args: unknown[]) => Promise<unknown>;
    collection[method] = ((...args: unknown[]) =>
      send(...args).catch((error: unknown) => {
        if (String(error).includes(' index: key_1 ')) figures.lostRaces += 1;
        throw error;
      })) as never;
  }
}

interface ManyResult {
  results: { index: number; error?: Error | undefined }[];
  failed: number;
}

/** The rows at these places, and no others, violate the index on `badge`. */
async function many(call: Promise<ManyResult>, count: number, refused: number[]): Promise<void> {
  const { results, failed } = await call;
  figures.rows += count;
  figures.refused += failed;
  const bad = results.filter(({ error, index }) =>
    refused.includes(index) ? !isBadgeTaken(error) : error !== undefined,
  );
  for (const { error, index } of bad) report(`row ${index}: ${String(error)}`);
  if (results.length !== count) report(`${results.length} results of ${count} rows`);
}

type Act = (counters: AnyModel, pairs: AnyModel) => Promise<void>;

const inc = { onConflict: { $inc: { n: 1 } } } as const;

async function countAll(counters: AnyModel, keys: string[]): Promise<void> {
  const inputs = keys.map((key) => ({ key }));
  await many(counters.saveOrUpsertMany(inputs, inc), keys.length, []);
  add(counters, keys.length);
}

const ACTS: Act[] = [
  async (counters) => {
    await one(counters.saveOrUpsert({ key: pickKey() }, inc));
    add(counters, 1);
  },
  async (counters) => {
    await one(counters.saveOrUpsert({ key: pickKey() }, { ...inc, validateModifiedOnly: true }));
    add(counters, 1);
  },
  (counters) => countAll(counters, pickKeys()),
  (counters) => one(counters.saveOrUpsert({ key: pickKey(), name: 'update' })),
  (counters) => one(counters.saveOrUpsert({ key: pickKey() }, { onConflict: 'skip', lean: true })),
  (counters) =>
    one(
      counters.saveOrUpsert(
        { key: pickKey(), name: 'list', x: 1 },
        { onConflict: { only: ['name'] } },
      ),
    ),
  (counters) => {
    const inputs = pickKeys().map((key) => ({ key, name: 'skip' }));
    return many(counters.saveOrUpsertMany(inputs, { onConflict: 'skip' }), 20, []);
  },
  async (counters) => {
    const call = counters.saveOrUpsert({ key: pickKey(), badge: 'taken' });
    const error = await call.catch((reason: unknown) => reason);
    figures.refused += 1;
    if (!isBadgeTaken(error)) report(`a taken badge: ${String(error)}`);
  },
  (counters) => {
    const inputs = pickKeys().map((key, n) => ({ key, ...(n % 7 === 3 && { badge: 'taken' }) }));
    return many(counters.saveOrUpsertMany(inputs, { batchSize: 11 }), 20, [3, 10, 17]);
  },
  // Documents that go, and several calls that want to be the one to create them.
  async (counters) => {
    const keys = [...new Set(pickKeys())];
    const gone = await Promise.all(
      keys.map((key) => counters.findOneAndDelete({ key }).lean<{ n: number }>()),
    );
    figures.deleted += gone.filter((document) => document !== null).length;
    add(counters, -gone.reduce((sum, document) => sum + (document?.n ?? 0), 0));
    await Promise.all(Array.from({ length: 4 }, () => countAll(counters, keys)));
  },
  (_, pairs) => {
    const x = pick(1e9);
    return one(pairs.saveOrUpsert({ key: pickKey(), x, y: x }, { onConflict: 'replace' }));
  },
  (_, pairs) => {
    const x = pick(1e9);
    return one(pairs.saveOrUpsert({ key: pickKey(), x, y: x, name: 'update' }));
  },
  (_, pairs) => {
    const inputs = pickKeys().map((key) => ({ key, x: 1, y: 1 }));
    return many(pairs.saveOrUpsertMany(inputs, { onConflict: 'replace' }), 20, []);
  },
  async (_, pairs) => {
    await pairs.deleteOne({ key: pickKey() });
  },
];

/** The heap, in bytes, without what nobody holds. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

interface Models {
  counters: AnyModel;
  pairs: AnyModel;
}

async function compileBoth(schema: () => Schema): Promise<Models> {
  const options = { conflictTarget: 'key' };
  const models = {
    counters: await compile(schema(), options),
    pairs: await compile(schema(), options),
  };
  Object.values(models).forEach(countLostRaces);
  return models;
}

/** Resolves, when all callers have ended, to the heap in use from time to time. */
async function load(models: Models[]): Promise<number[]> {
  const end = Date.now() + SECONDS * 1000;
  const first = Array.from({ length: KEYS / 10 }, (_, n) => `key ${n}`);
  const callers = Array.from({ length: CALLERS }, async () => {
    // No document is there yet: all begin by creating the same.
    for (const { counters } of models) await countAll(counters, first);
    while (Date.now() < end) {
      const { counters, pairs } = models[pick(models.length)] as Models;
      const act = ACTS[pick(ACTS.length)] as Act;
      await act(counters, pairs).catch((error: unknown) => {
        report(`${act.toString()}\n${String(error)}`);
      });
      figures.calls += 1;
    }
  });
  const heap: number[] = [];
  for (let sample = 0; sample < 24; sample += 1) {
    await sleep((SECONDS * 1000) / 24);
    heap.push(heapInUse());
  }
  await Promise.all(callers);
  return heap;
}

describe(`${CALLERS} callers with ${KEYS} keys for ${SECONDS} seconds`, () => {
  let models: Models[];
  let heap: number[];

  beforeAll(
    async () => {
      models = [await compileBoth(plain), await compileBoth(partial)];
      for (const { counters } of models) await counters.create({ key: 'owner', badge: 'taken' });
      heap = await load(models);
      // What was deleted last is there again, so that each key has its document.
      const inputs = Array.from({ length: KEYS }, (_, n) => ({ key: `key ${n}`, x: 0, y: 0 }));
      for (const model of models.flatMap(({ counters, pairs }) => [counters, pairs])) {
        await many(model.saveOrUpsertMany(inputs, { onConflict: 'skip' }), KEYS, []);
      }
    },
    SECONDS * 1000 + 60_000,
  );

  it('no write fails but those that violate another index, and each of those on its path', () => {
    expect(figures).toEqual({ ...figures, unexpected: [] });
    expect(figures.refused).toBeGreaterThan(0);
  });

  it('each key has one document', async () => {
    for (const { counters, pairs } of models) {
      for (const model of [counters, pairs]) {
        const keys = (await model.find({ key: /^key / }).lean()).map(({ key }) => key as string);
        expect({ ...figures, documents: keys.length }).toEqual({ ...figures, documents: KEYS });
        expect(new Set(keys).size).toBe(KEYS);
      }
      expect(await counters.countDocuments()).toBe(KEYS + 1);
      expect(await pairs.countDocuments()).toBe(KEYS);
    }
  });

  it('counters hold what was counted', async () => {
    for (const { counters } of models) {
      const [{ sum } = { sum: 0 }] = await counters.aggregate<{ sum: number }>([
        { $group: { _id: null, sum: { $sum: '$n' } } },
      ]);
      expect({ ...figures, sum }).toEqual({ ...figures, sum: counted.get(counters) });
    }
  });

  it('a document is what one call wrote, never a mixture of two', async () => {
    for (const { pairs } of models) {
      expect(await pairs.find({ $expr: { $ne: ['$x', '$y'] } }).lean()).toEqual([]);
    }
  });

  it('the document whose value others wanted is untouched', async () => {
    for (const { counters } of models) {
      expect(await counters.find({ badge: { $exists: true } }).lean()).toEqual([
        { _id: expect.anything() as unknown, key: 'owner', badge: 'taken', on: true, n: 0, __v: 0 },
      ]);
    }
  });

  it('memory is flat: the last third of the time holds not 32 MB more than the first', () => {
    const least = (samples: number[]) => Math.min(...samples);
    const grown = least(heap.slice(-8)) - least(heap.slice(0, 8));
    const samples = heap.map((bytes) => `${Math.round(bytes / 1e6)} MB`);
    expect({ ...figures, samples, isFlat: grown < 32e6 }).toEqual({
      ...figures,
      samples,
      isFlat: true,
    });
  });
});
