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

describe('reading what is stored', () => {
  const collation = { locale: 'en', strength: 2 };
  let Person: AnyModel;
  beforeAll(async () => {
    const schema = new Schema({ name: String, team: String, place: Number, n: Number });
    schema.index({ name: 1 }, { unique: true, collation });
    schema.index({ team: 1, place: 1 }, { unique: true, sparse: true, collation, name: 'team' });
    Person = await compile(schema, { conflictTarget: 'name' });
  });
  beforeEach(() => Person.deleteMany());

  const names = Array.from({ length: 50 }, (_, n) => `Person ${String(n)}`);
  const reads = (commands: Doc[]) => commands.filter((one) => 'find' in one || 'aggregate' in one);

  it.each<[object, object]>([
    [{ onConflict: 'skip' }, { skipped: 100, created: 1 }],
    [{ onConflict: 'update' }, { updated: 100, created: 1 }],
    [{ onConflict: 'replace' }, { updated: 100, created: 1 }],
    [{ onConflict: { only: ['n'] } }, { unchanged: 50, updated: 50, created: 1 }],
    [{ onConflict: { except: ['name', 'team'] } }, { unchanged: 50, updated: 50, created: 1 }],
    [{ onConflict: { $inc: { n: 1 } } }, { updated: 100, created: 1 }],
  ])('takes at most two queries for inputs in another case: %j', async (options, counts) => {
    const stored: Doc[] = await Person.create(names.map((name) => ({ name, n: 1 })));
    const watched = watchCommands(mongoose);
    const inputs = [
      ...names.map((name) => ({ name: name.toUpperCase(), n: 1 })),
      { name: 'New' },
      ...names.map((name) => ({ name: name.toLowerCase(), n: 2 })),
    ];
    const outcome = await Person.saveOrUpsertMany(inputs, options);
    expect(outcome).toMatchObject({ ...counts, failed: 0 });
    const ids = stored.map(({ _id }) => String(_id));
    const found = outcome.results.map((row) => String('_id' in row && row._id));
    expect([found.slice(0, 50), found.slice(51)]).toEqual([ids, ids]);
    expect(reads(watched.take()).length).toBeLessThanOrEqual(2);
  });

  it('compares under the collation: nothing is sent for rows that are stored already', async () => {
    const schema = new Schema({ code: String, n: Number }).index(
      { code: 1 },
      { unique: true, collation },
    );
    const Part = await compile(schema);
    await Part.saveOrUpsertMany(names.map((code, n) => ({ code, n })));
    const watched = watchCommands(mongoose);
    const inputs = names.map((code, n) => ({ code: code.toUpperCase(), n }));
    const options = { onConflict: { only: ['n'] } };
    expect(await Part.saveOrUpsertMany(inputs, options)).toMatchObject({ unchanged: 50 });
    expect(watched.take().map((command) => Object.keys(command)[0])).toEqual(['find']);
  });

  it('knows the documents of an index on several paths', async () => {
    const teams = names.map((team) => ({ name: `${team} x`, team, place: 1 }));
    const stored: Doc[] = await Person.create(teams);
    const inputs = teams.map(({ team }) => ({ team: team.toUpperCase(), place: 1 }));
    const options = { conflictTarget: 'team', onConflict: 'skip' } as const;
    const { results } = await Person.saveOrUpsertMany(inputs, options);
    expect(results).toMatchObject(stored.map(({ _id }) => ({ created: false, _id })));
  });

  it.each([
    ['that one command cannot hold', 300, 60_000, 20],
    ['that one command can hold', 300, 1000, 1],
    ['of 5 MB each', 2, 5_000_000, 2],
  ])('takes keys %s', async (_, count, length, most) => {
    const keys = Array.from({ length: count }, (_unused, n) => `${String(n)}${'x'.repeat(length)}`);
    await Item.collection.insertMany(keys.map((key) => ({ key })));
    const watched = watchCommands(mongoose);
    const inputs = keys.map((key) => ({ key }));
    const options = { batchSize: 100_000, onConflict: 'skip' } as const;
    const { skipped, results } = await Item.saveOrUpsertMany(inputs, options);
    expect(skipped).toBe(count);
    expect(results.every((row) => '_id' in row && row._id)).toBe(true);
    expect(reads(watched.take()).length).toBeLessThanOrEqual(most);
  });
});

describe("results: 'failed'", () => {
  it('lists the inputs that failed, and counts all', async () => {
    await Item.collection.insertMany([
      { key: 'other', badge: 'b' },
      { key: 'old', n: 1 },
      { key: 'same', n: 1 },
    ]);
    const inputs = [
      { key: 'new', n: 1 },
      { key: 'refused', badge: 'b' },
      { key: 'old', n: 2 },
      { key: 'same', n: 1 },
      { n: 3 },
    ];
    const watched = watchCommands(mongoose);
    const outcome = await Item.saveOrUpsertMany(inputs, { results: 'failed', batchSize: 2 });
    expect(outcome).toEqual({
      results: [
        { index: 1, error: expect.objectContaining({ name: 'ValidationError' }) as object },
        { index: 4, error: expect.any(TypeError) as object },
      ],
      created: 1,
      updated: 1,
      unchanged: 1,
      skipped: 0,
      failed: 2,
    });
    watched.take();
    // Nobody asks for the _ids.
    const options = { results: 'failed', onConflict: 'skip' } as const;
    expect(await Item.saveOrUpsertMany([{ key: 'old' }], options)).toMatchObject({ skipped: 1 });
    expect(watched.take().map((command) => Object.keys(command)[0])).toEqual(['update']);
  });

  it("runs post('save') middleware all the same", async () => {
    const schema = new Schema({ key: { type: String, unique: true } });
    const saved: unknown[] = [];
    schema.post('save', (document: Doc) => saved.push(document['key']));
    const Hooked = await compile(schema);
    await Hooked.collection.insertOne({ key: 'a' });
    const inputs = ['a', 'b'].map((key) => ({ key }));
    await Hooked.saveOrUpsertMany(inputs, { results: 'failed' });
    expect(saved.sort()).toEqual(['a', 'b']);
  });
});

it('a connection that is lost in the middle of a batch leaves what is known to be written', async () => {
  const lost = new mongoose.mongo.MongoNetworkError('lost');
  const send = Item.collection.bulkWrite.bind(Item.collection);
  for (const ordered of [false, true]) {
    await Item.deleteMany();
    let sent = 0;
    jest.spyOn(Item.collection, 'bulkWrite').mockImplementation((...args) => {
      sent += 1;
      return sent === 2 ? Promise.reject(lost) : send(...args);
    });
    await Item.collection.insertOne({ key: 'other', badge: 'b' });
    const inputs = ['a', 'b', 'a', 'c'].map((key, n) => ({ key, n }));
    const error = await Item.saveOrUpsertMany(inputs, {
      ordered,
      batchSize: ordered ? 2 : 9,
    }).catch((reason: unknown) => reason);
    expect(error).toBe(lost);
    const written = ordered ? [0, 1] : [0, 1, 3];
    expect(error).toMatchObject({
      partialResult: {
        created: written.length,
        results: written.map((index) => ({ index, created: true })),
      },
    });
    jest.restoreAllMocks();
  }
});
