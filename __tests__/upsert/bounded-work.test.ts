/** saveOrUpsertMany sends a bounded number of operations, whatever fails. */
import fc from 'fast-check';
import { Schema } from 'mongoose';
import { modelFactory } from '../support/compile';
import { watchCommands } from '../support/commands';
import { useDatabase } from '../support/database';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);

let Item: AnyModel;
beforeAll(async () => {
  const schema = new Schema({
    key: { type: String, unique: true },
    badge: { type: String, unique: true, sparse: true },
    n: Number,
  });
  Item = await compile(schema, { conflictTarget: 'key' });
});
beforeEach(() => Item.deleteMany());
afterEach(() => {
  jest.restoreAllMocks();
});

/** How often the server has refused a row so far: the index that refuses it now, if any. */
type Refuse = (n: number, attempts: number) => 'key' | 'badge' | undefined;

interface Sent {
  operations: number;
  commands: number;
  attempts: number;
  /** The rows that were written, in order. */
  written: number[];
}

/** A server that answers a bulkWrite as MongoDB does, and refuses the rows that it is told to. */
function stubBulkWrite({ collection, db }: AnyModel, refuse: Refuse): Sent {
  const sent: Sent = { operations: 0, commands: 0, attempts: 0, written: [] };
  const attempts = new Map<number, number>();
  jest.spyOn(collection, 'bulkWrite').mockImplementation(((
    operations: { updateOne: { update: { $setOnInsert: { n: number } } } }[],
    { ordered }: { ordered: boolean },
  ) => {
    sent.commands += 1;
    sent.operations += operations.length;
    const upsertedIds: Doc = {};
    const writeErrors: object[] = [];
    for (const [index, { updateOne }] of operations.entries()) {
      const { n } = updateOne.update.$setOnInsert;
      const tried = attempts.get(n) ?? 0;
      attempts.set(n, tried + 1);
      sent.attempts += 1;
      const refused = refuse(n, tried);
      if (refused === undefined) {
        sent.written.push(n);
        upsertedIds[index] = `id ${String(n)}`;
        continue;
      }
      const errmsg = `E11000 duplicate key error collection: ${db.name}.${collection.name} index: ${refused}_1 dup key: { ${refused}: "x" }`;
      writeErrors.push({ index, code: 11000, errmsg });
      if (ordered) break;
    }
    if (writeErrors.length === 0) return Promise.resolve({ upsertedIds });
    const error = new Error('E11000');
    return Promise.reject(
      Object.assign(error, { code: 11000, result: { upsertedIds }, writeErrors }),
    );
  }) as never);
  return sent;
}

// Nothing is read for rows that are skipped or created.
const run = (inputs: object[], options: object = {}) =>
  Item.saveOrUpsertMany(inputs as never, { onConflict: 'skip', maxRetries: 1, ...options });

const never: Refuse = () => undefined;
const always: Refuse = () => 'badge';
const everySecond: Refuse = (n) => (n % 2 === 0 ? 'badge' : undefined);
const firstHalf: Refuse = (n) => (n < 500 ? 'badge' : undefined);
const loseOnce: Refuse = (_, attempts) => (attempts === 0 ? 'key' : undefined);
const loseAlways: Refuse = () => 'key';
const everyHundredth: Refuse = (n) => (n % 100 === 99 ? 'badge' : undefined);

describe('1,000 rows', () => {
  it.each<[string, number, Refuse, operations: number, commands: number]>([
    ['one key, none fails', 1, never, 1000, 10],
    ['one key, all are refused', 1, always, 1000, 1000],
    ['one key, every second is refused', 1, everySecond, 1500, 1000],
    ['one key, every hundredth is refused', 1, everyHundredth, 1500, 70],
    ['one key, the first half is refused', 1, firstHalf, 1010, 510],
    ['one key, each loses a race once', 1, loseOnce, 3000, 2000],
    ['one key, each loses every race', 1, loseAlways, 2000, 2000],
    ['ten keys, all are refused', 10, always, 1000, 100],
    ['ten keys, every second is refused', 10, everySecond, 1500, 100],
    ['500 keys, all are refused', 500, always, 1000, 2],
    ['1,000 keys, none fails', 1000, never, 1000, 1],
    ['1,000 keys, all are refused', 1000, always, 1000, 1],
    ['1,000 keys, each loses a race once', 1000, loseOnce, 2000, 2],
  ])('%s', async (_, keys, refuse, operations, commands) => {
    const sent = stubBulkWrite(Item, refuse);
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const inputs = Array.from({ length: 1000 }, (_unused, n) => ({ key: String(n % keys), n }));
    const { created, failed, results } = await run(inputs);
    expect(results).toHaveLength(1000);
    expect(created + failed).toBe(1000);
    expect(created).toBe(sent.written.length);
    expect(sent.operations).toBeLessThanOrEqual(operations);
    expect(sent.commands).toBeLessThanOrEqual(commands);
  });

  it.each<[string, number, Refuse, operations: number, commands: number]>([
    ['one key, none fails', 1, never, 1000, 1],
    ['one key, all are refused', 1, always, 1000, 1],
    ['one key, each loses a race once', 1, loseOnce, 4000, 2000],
    ['1,000 keys, every hundredth is refused', 1000, everyHundredth, 1000, 1],
    ['1,000 keys, each loses a race once', 1000, loseOnce, 4000, 2000],
    ['1,000 keys, each loses every race', 1000, loseAlways, 2000, 2],
  ])('ordered: %s', async (_, keys, refuse, operations, commands) => {
    const sent = stubBulkWrite(Item, refuse);
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const inputs = Array.from({ length: 1000 }, (_unused, n) => ({ key: String(n % keys), n }));
    const { created, failed } = await run(inputs, { ordered: true });
    expect(failed).toBeLessThanOrEqual(1);
    expect(created).toBe(sent.written.length);
    expect(sent.written).toEqual(inputs.slice(0, created).map(({ n }) => n));
    expect(sent.operations).toBeLessThanOrEqual(operations);
    expect(sent.commands).toBeLessThanOrEqual(commands);
  });

  it('one key, all are refused by the server: each of them is sent once', async () => {
    await Item.collection.insertOne({ key: 'other', badge: 'b' });
    const commands = watchCommands(mongoose);
    const inputs = Array.from({ length: 1000 }, (_, n) => ({ key: 'one', badge: 'b', n }));
    const outcome = await Item.saveOrUpsertMany(inputs);
    expect(outcome).toMatchObject({ failed: 1000 });
    expect(countOperations(commands.take())).toBe(1000);
  });

  it('in a transaction: the first that is refused ends the call', async () => {
    await Item.collection.insertOne({ key: 'other', badge: 'b' });
    for (const ordered of [false, true]) {
      const commands = watchCommands(mongoose);
      const inputs = Array.from({ length: 1000 }, (_, n) => ({ key: 'one', badge: 'b', n }));
      await expect(
        mongoose.connection.transaction((session) =>
          Item.saveOrUpsertMany(inputs, { ordered, session: session as never }),
        ),
      ).rejects.toMatchObject({ errors: { badge: { kind: 'unique' } } });
      expect(countOperations(commands.take())).toBeLessThanOrEqual(ordered ? 1000 : 1);
    }
  });
});

function countOperations(commands: Doc[]): number {
  const updates = commands.flatMap((command) => (command['updates'] ?? []) as object[]);
  return updates.length;
}

it('rows of one key are written in order, by at most three operations for each attempt', async () => {
  jest.spyOn(Math, 'random').mockReturnValue(0);
  const outcomes = fc.constantFrom<('key' | 'badge' | undefined)[]>(undefined, 'key', 'badge');
  const row = fc.record({ key: fc.nat(4).map(String), outcomes: fc.array(outcomes) });
  const property = fc.asyncProperty(
    fc.array(row, { maxLength: 30 }),
    fc.boolean(),
    async (rows, ordered) => {
      const sent = stubBulkWrite(Item, (n, attempts) => rows[n]?.outcomes[attempts]);
      const inputs = rows.map(({ key }, n) => ({ key, n }));
      const { results } = await run(inputs, { ordered, maxRetries: 2 });
      const most = 3 * sent.attempts + (ordered ? rows.length : 0);
      expect(sent.operations).toBeLessThanOrEqual(most);
      for (const key of new Set(rows.map((one) => one.key))) {
        const ofKey = sent.written.filter((n) => rows[n]?.key === key);
        expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
      }
      const written = results.flatMap(({ index, error }) => (error ? [] : [index]));
      expect([...sent.written].sort((a, b) => a - b)).toEqual(written);
    },
  );
  await fc.assert(property, { numRuns: 100 });
});
