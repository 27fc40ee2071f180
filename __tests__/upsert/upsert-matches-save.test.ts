import * as fc from 'fast-check';
import { uniqueGuard } from 'mongoose-unique-guard';
import { toSchema } from '../support/build-schema';
import { useDatabase } from '../support/database';
import { anyCase, INPUTS, inputOf, type Case } from '../support/random-schema';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase();

/** The same schemas each time, unless another seed is given; it is printed with each failure. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** Random schemas; the continuous integration asks for more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);

const COLLECTION = 'things';
const STARTED = Date.now();

beforeAll(async () => {
  await mongoose.connection.db?.createIndex(COLLECTION, { key: 1 }, { unique: true });
});

let count = 0;

/** One collection for all: creating one takes longer than all the rest. */
function compile({ schema: spec }: Case): { model: AnyModel; done: () => void } {
  count += 1;
  const schema = toSchema(spec, { key: { type: String, unique: true } });
  schema.plugin(uniqueGuard);
  const name = `Thing${String(count)}`;
  const base = mongoose.model(name, schema, COLLECTION) as unknown as AnyModel;
  const names = [name, ...Object.keys(base.discriminators ?? {})];
  return {
    model: base,
    done: () => {
      for (const one of names) mongoose.deleteModel(one);
    },
  };
}

/** What is stored, byte for byte, but for the key, ids that Mongoose made, and the time. */
async function readStored(): Promise<Record<string, string>> {
  const { EJSON } = mongoose.mongo.BSON;
  const things = mongoose.connection.collection(COLLECTION);
  const documents = await things.find({}, { promoteValues: false }).toArray();
  const entries = documents.map((document) => {
    const { key, ...rest } = JSON.parse(EJSON.stringify(document, { relaxed: false })) as Doc;
    return [String(key), JSON.stringify(comparable(rest, true))] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Without the times of subdocuments' last changes: a save sets them by what was stored before, an upsert each
 * time that the subdocument is given.
 */
function comparable(value: unknown, isTop = false): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => comparable(one));
  const { $oid, $date } = value as { $oid?: string; $date?: { $numberLong: string } };
  // Those of the inputs and defaults begin so.
  if ($oid !== undefined) return $oid.startsWith('64b0000000') ? value : 'id';
  if ($date !== undefined) return Number($date.$numberLong) >= STARTED - 1000 ? 'now' : value;
  const isTime = (name: string) => !isTop && ['updatedAt', 'changed_at'].includes(name);
  const entries = Object.entries(value)
    .filter(([name]) => !isTime(name))
    .map(([name, one]) => [name, comparable(one)] as const);
  // The server orders the paths of an update by their names; what is written as a whole keeps its order.
  const isOrdered = entries.some(([name]) => /^[$xyz]/.test(name));
  return Object.fromEntries(isOrdered ? entries : entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const CONFLICT_TARGET = { conflictTarget: 'key' } as const;

/** The upsert, with its error as a value. */
const WRITES: Record<string, (model: AnyModel, input: Doc) => Promise<unknown>> = {
  saveOrUpsert: (model, input) => model.saveOrUpsert(input, CONFLICT_TARGET),
  saveOrUpsertMany: async (model, input) => {
    const { results } = await model.saveOrUpsertMany([input], CONFLICT_TARGET);
    if (results[0]?.error) throw results[0].error;
  },
};

const outcomeOf = (write: Promise<unknown>) =>
  write.then(
    () => 'stored',
    (error: unknown) => error as Error,
  );

async function save(model: AnyModel, input: Doc, isFirst: boolean): Promise<void> {
  if (isFirst) {
    await new model(input).save();
    return;
  }
  // Not by a query, which would leave out what `select: false` hides.
  const stored = await model.collection.findOne({ key: input['key'] });
  const document = model.hydrate(stored) as unknown as InstanceType<AnyModel>;
  const before = await readExact(model, stored as Doc);
  document.set(input);
  for (const path of Object.keys(input)) {
    // What cannot be set was not given.
    const type = model.schema.path(path) as { options: Doc } | undefined;
    if (!type?.options['immutable']) document.markModified(path);
  }
  await document.save();
  await keepTimes(model, before);
}

/** Marking what is given as modified makes `save()` write it; where nothing is another, an upsert leaves it. */
async function keepTimes(model: AnyModel, before: Doc): Promise<void> {
  const { versionKey } = model.schema.options;
  const names = ['updatedAt', 'changed_at', typeof versionKey === 'string' ? versionKey : '__v'];
  const after = await readExact(model, before);
  const others = (document: Doc) =>
    mongoose.mongo.BSON.EJSON.stringify(
      Object.entries(document)
        .filter(([name]) => !names.includes(name))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
      { relaxed: false },
    );
  if (others(before) !== others(after)) return;
  await model.collection.replaceOne({ _id: before['_id'] } as never, before);
}

/** With the types that are stored: a number is not what it was read as. */
async function readExact(model: AnyModel, { _id }: Doc): Promise<Doc> {
  const found: unknown = await model.collection.findOne({ _id } as never, { promoteValues: false });
  return found as Doc;
}

it(`stores what save() stores, for any schema and inputs (seed ${String(SEED)})`, async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(anyCase, async (one) => {
      await mongoose.connection.collection(COLLECTION).deleteMany();
      const { model, done } = compile(one);
      try {
        for (let place = 0; place < INPUTS; place += 1) {
          const input = (key: string) => ({ ...inputOf(one.schema, place, one.pick), key });
          const reference = await outcomeOf(save(model, input('save'), place === 0));
          // A save that is refused stores nothing; what upserts answer then has tests of its own.
          if (reference !== 'stored') return;
          for (const [name, write] of Object.entries(WRITES)) {
            expect(await outcomeOf(write(model, input(name)))).toBe('stored');
          }
          const stored = await readStored();
          for (const name of Object.keys(WRITES)) {
            expect([place, name, stored[name]]).toEqual([place, name, stored['save']]);
          }
          compared += 1;
        }
      } finally {
        done();
      }
    }),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: undefined as never },
  );
  process.stderr.write(`compared ${String(compared)}\n`);
}, 3_600_000);
