/** All paths of an index that share an array are reported of one element, whose whole key exists already. */
import * as fc from 'fast-check';
import { Schema, Types } from 'mongoose';
import { isUniqueValidationError, type UniqueValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import type { AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

/** Printed with each failure, so that it can be run again. */
const SEED = Date.now() & 0x7fffffff;
/** Of each property; the continuous integration asks for more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 8);

interface Inner {
  c?: number;
  d: string;
}
interface Item {
  a: string;
  b?: number;
  inner: Inner[];
}
interface Thing {
  tenant: string;
  list: Item[];
}

const schema = () => {
  const inner = { _id: false, c: Number, d: String };
  return new Schema({
    tenant: String,
    list: [{ _id: false, a: String, b: Number, inner: [inner] }],
  });
};

type IndexPath = 'tenant' | 'list.a' | 'list.b' | 'list.inner.c' | 'list.inner.d';

const number = fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined });
const compact = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
const innerOf = fc
  .record({ c: number, d: fc.constantFrom('x', 'y", list.inner.c: 1 }') })
  .map((one) => compact(one) as Inner);
const itemOf = fc
  .record({
    a: fc.constantFrom('p', 'q', ''),
    b: number,
    inner: fc.array(innerOf, { minLength: 1, maxLength: 2 }),
  })
  .map((one) => compact(one) as Item);
const thingOf = fc.record({
  tenant: fc.constantFrom('t', 'u'),
  list: fc.array(itemOf, { minLength: 1, maxLength: 3 }),
});

/** One entry for each element of each array, by the place of both. */
function unwind({ tenant, list }: Thing): { places: string; key: Record<IndexPath, unknown> }[] {
  return list.flatMap((item, place) =>
    item.inner.map((inner, below) => ({
      places: `${String(place)}.${String(below)}`,
      key: {
        tenant,
        'list.a': item.a,
        'list.b': item.b ?? null,
        'list.inner.c': inner.c ?? null,
        'list.inner.d': inner.d,
      },
    })),
  );
}

const keyTextOf = (key: Record<IndexPath, unknown>, paths: readonly IndexPath[]) =>
  JSON.stringify(paths.map((path) => key[path]));

const PLACE = /\.(\d+)(?=\.|$)/g;

function expectOneElement(
  error: UniqueValidationError,
  paths: readonly IndexPath[],
  stored: Thing[],
  written: Thing,
  hasPositions: boolean,
): void {
  const fields = Object.values(error.errors);
  expect(fields.map(({ path }) => path.replace(PLACE, ''))).toEqual([...paths]);
  const values = Object.fromEntries(fields.map(({ value }, at) => [paths[at], value])) as never;
  const isStored = new Set(stored.flatMap(unwind).map(({ key }) => keyTextOf(key, paths)));
  // The values are a key that another document holds, and that was written.
  expect(isStored).toContain(keyTextOf(values, paths));
  const same = unwind(written).filter(
    ({ key }) => keyTextOf(key, paths) === keyTextOf(values, paths),
  );
  expect(same).not.toHaveLength(0);
  // Two elements inside are one for an index that only looks at those outside.
  const depth = paths.some((path) => path.includes('inner')) ? 2 : 1;
  const elements = new Set(same.map(({ places }) => places.split('.').slice(0, depth).join('.')));
  const reported = fields.map(({ path }) => [...path.matchAll(PLACE)].map(([, one]) => one));
  const [deepest = []] = [...reported].sort((a, b) => b.length - a.length);
  if (!hasPositions || elements.size > 1 || paths.every((path) => path === 'tenant')) {
    expect(reported.flat()).toEqual([]);
  } else {
    expect([...elements]).toEqual([deepest.join('.')]);
    for (const places of reported) expect(deepest.slice(0, places.length)).toEqual(places);
    expect(reported.map(({ length }) => length)).toEqual(
      paths.map((path) => path.split('.').length - 1),
    );
  }
}

const FREE: Item = { a: 'free', b: 9, inner: [{ c: 9, d: 'free' }] };

interface Way {
  name: string;
  /** Writes `thing`, or changes the document `_id`, which has the free element alone, into it. */
  run: (model: AnyModel, thing: Thing, _id: unknown) => Promise<unknown>;
  /** Does the free element stay in front? */
  isAdded?: true;
  hasPositions?: false;
}

const WAYS: Way[] = [
  { name: 'create', run: (M, thing) => M.create(thing) },
  { name: 'insertMany', run: (M, thing) => M.insertMany([thing]) },
  {
    name: 'a push to a document that was read',
    isAdded: true,
    run: async (M, { tenant, list }, _id) => {
      const document = await M.findById(_id).orFail();
      document.set('tenant', tenant);
      document.get('list').push(...list);
      return document.save();
    },
  },
  {
    name: 'bulkSave of a document that was read',
    run: async (M, thing, _id) => M.bulkSave([(await M.findById(_id).orFail()).set(thing)]),
  },
  { name: 'updateOne', run: (M, thing, _id) => M.updateOne({ _id }, { $set: thing }) },
  {
    name: 'findOneAndUpdate with $push',
    hasPositions: false,
    run: (M, { tenant, list }, _id) =>
      M.findOneAndUpdate({ _id }, { $set: { tenant }, $push: { list: { $each: list } } }),
  },
  {
    name: 'updateOne that upserts and sets on insert',
    run: (M, { tenant, list }) =>
      M.updateOne(
        { _id: new Types.ObjectId(), tenant },
        { $setOnInsert: { list } },
        { upsert: true },
      ),
  },
  {
    name: 'bulkWrite insertOne',
    run: (M, document) => M.bulkWrite([{ insertOne: { document } }]),
  },
  {
    name: 'bulkWrite updateOne',
    run: (M, thing, _id) => M.bulkWrite([{ updateOne: { filter: { _id }, update: thing } }]),
  },
  {
    name: 'bulkWrite replaceOne',
    run: (M, replacement, _id) => M.bulkWrite([{ replaceOne: { filter: { _id }, replacement } }]),
  },
  {
    name: 'checkUnique',
    run: async (M, thing) => {
      const error = await M.checkUnique(thing);
      if (error !== null) throw error;
    },
  },
];

const INDEXES: readonly (readonly [IndexPath, ...IndexPath[]])[] = [
  ['list.a', 'list.b'],
  ['list.inner.c', 'list.inner.d'],
  ['tenant', 'list.a', 'list.b'],
  ['list.a', 'list.inner.c', 'list.inner.d'],
  ['list.b', 'list.inner.d'],
];

/** Of all indexes together: a few random cases of one index may violate nothing. */
let violations = 0;
afterAll(() => {
  expect(violations).toBeGreaterThan(0);
});

describe.each(INDEXES.map((paths) => ({ paths, name: paths.join(' + ') })))(
  `$name (seed ${String(SEED)})`,
  ({ paths }) => {
    let model: AnyModel;
    beforeAll(async () => {
      const index = Object.fromEntries(paths.map((path) => [path, 1 as const]));
      model = await compile(schema().index(index, { unique: true }) as unknown as Schema);
    });

    it.each(WAYS)(
      '$name: the reported element is one whose whole key exists already',
      async ({ run, isAdded, hasPositions = true }) => {
        const property = fc.asyncProperty(
          fc.array(thingOf, { minLength: 1, maxLength: 3 }),
          thingOf,
          async (others, thing) => {
            await model.deleteMany();
            await model.collection
              .insertMany(structuredClone(others), { ordered: false })
              .catch(() => undefined);
            const stored = await model.collection.find<Thing>({}).toArray();
            const free = { tenant: 'free', list: [FREE] };
            const { insertedId } = await model.collection.insertOne(structuredClone(free));
            const outcome: unknown = await run(model, structuredClone(thing), insertedId).catch(
              (error: unknown) => error,
            );
            if (!(outcome instanceof Error)) return;
            if (!('errors' in outcome)) throw outcome;
            violations += 1;
            const list = isAdded ? [FREE, ...thing.list] : thing.list;
            const error = outcome as UniqueValidationError;
            expectOneElement(error, paths, stored, { ...thing, list }, hasPositions);
            expect(error.errors).toEqual(error.validationErrors?.[0]?.errors ?? error.errors);
          },
        );
        await fc.assert(property, { numRuns: RUNS, seed: SEED });
      },
      60_000,
    );
  },
);

it('an embedded discriminator with an array inside: three paths of one element', async () => {
  const base = new Schema({ bank: String }, { discriminatorKey: 'kind', _id: false });
  const list = new Schema({ accounts: [base] });
  const accounts = list.path('accounts') as unknown as Schema.Types.DocumentArray;
  accounts.discriminator(
    'Savings',
    new Schema({ rates: [{ _id: false, year: Number, rate: Number }] }, { _id: false }),
  );
  list.index(
    { 'accounts.bank': 1, 'accounts.rates.year': 1, 'accounts.rates.rate': 1 },
    { unique: true },
  );
  const model = await compile(list as unknown as Schema);
  const savings = (bank: string, rates: object[]) => ({ kind: 'Savings', bank, rates });
  await model.create({ accounts: [savings('abc', [{ year: 1, rate: 2 }])] });
  const clash = [
    savings('abc', [{ year: 1, rate: 1 }]),
    savings('xyz', [{ year: 1, rate: 2 }]),
    savings('abc', [
      { year: 2, rate: 2 },
      { year: 1, rate: 2 },
    ]),
  ];
  const expected = [
    ['accounts.2.bank', 'abc'],
    ['accounts.2.rates.1.year', 1],
    ['accounts.2.rates.1.rate', 2],
  ];
  for (const write of [
    () => model.create({ accounts: clash }),
    () => model.insertMany([{ accounts: clash }]),
    () => model.updateOne({ _id: new Types.ObjectId() }, { accounts: clash }, { upsert: true }),
  ]) {
    const error: unknown = await Promise.resolve(write()).catch((one: unknown) => one);
    if (!isUniqueValidationError(error)) throw error;
    expect(Object.values(error.errors).map(({ path, value }) => [path, value])).toEqual(expected);
  }
});
