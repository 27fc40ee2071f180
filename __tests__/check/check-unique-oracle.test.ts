/**
 * The server is the judge: checkUnique says that an index would be violated exactly when an insert of
 * the same document into a collection with that index alone fails.
 */
import * as fc from 'fast-check';
import { Schema, Types } from 'mongoose';
import { isUniqueValidationError, type UniqueValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

interface Kind {
  name: string;
  schema: () => Schema;
  /** Each is stored alone, and then each is checked against it. */
  documents: Doc[];
  /** Stored past Mongoose: what a schema would not write. */
  raw?: Doc[];
  /** Several elements may clash, of which the server and checkUnique need not name the same. */
  anyElement?: true;
}

const { Decimal128, ObjectId, Mixed } = Schema.Types;
const id = new Types.ObjectId();
/** In the order that the server has for them. */
const ids = ['00', '80', 'ff'].map((end) => new Types.ObjectId(`64b0000000000000000000${end}`));
const unique = { unique: true } as const;
const keys = (values: unknown[]): Doc[] => values.map((key) => ({ key }));
const ofType = (type: unknown, options: Doc = {}) =>
  new Schema({ key: { type, unique: true, ...options } } as never) as Schema;
const partial = (partialFilterExpression: Doc, fields: Doc = {}) =>
  new Schema({ email: String, n: Number, state: String, ...fields } as never).index(
    { email: 1 },
    { unique: true, partialFilterExpression },
  ) as Schema;
/** Every mixture of these fields, and of their absence. */
const mixtures = (fields: Record<string, unknown[]>): Doc[] =>
  Object.entries(fields).reduce<Doc[]>(
    (all, [name, values]) =>
      all.flatMap((one) => [one, ...values.map((value) => ({ ...one, [name]: value }))]),
    [{}],
  );

const KINDS: Kind[] = [
  {
    name: 'a string, null and missing',
    schema: () => ofType(String, { lowercase: true }),
    documents: [...keys(['a', 'A', 'b', '', null, '$a', '{ $gt: 1 }']), {}],
    raw: [{ key: ['a'] }, { key: [] }, { key: { a: 1 } }, { key: 5 }],
  },
  {
    name: 'numbers',
    schema: () => ofType(Number),
    documents: [...keys([0, -0, 1, '1', 1.5, 1e300, Infinity, null]), {}],
    raw: keys([
      Types.Decimal128.fromString('1.50'),
      Types.Decimal128.fromString('1'),
      Types.Decimal128.fromString('0E+3'),
      new Types.Double(1),
      NaN,
      '1',
    ]),
  },
  {
    name: 'large integers',
    schema: () => ofType(BigInt),
    documents: keys([1n, 9007199254740993n, 9007199254740992n, -5n]),
    raw: keys([9007199254740992, 1, Types.Decimal128.fromString('9007199254740993')]),
  },
  {
    name: 'decimals',
    schema: () => ofType(Decimal128),
    documents: keys(['1.50', '1.5', '15E-1', '2', '0', '-0', '1E+3', '1000', 'NaN']),
    raw: keys([1.5, 2, 1000, 0]),
  },
  {
    name: 'dates',
    schema: () => ofType(Date),
    documents: keys([new Date(0), 0, '1970-01-01T00:00:00.000Z', new Date(1), null]),
    raw: keys([0]),
  },
  { name: 'ids', schema: () => ofType(ObjectId), documents: keys([id, String(id), null]) },
  {
    name: 'bytes',
    schema: () => ofType(Buffer),
    documents: keys([Buffer.from('a'), 'a', Buffer.from('b'), Buffer.alloc(0)]),
  },
  {
    name: 'UUIDs',
    schema: () => ofType(Schema.Types.UUID),
    documents: keys([
      '0b7c4f5e-57f4-4d7b-8f0e-3b8b8a3fb1c1',
      '0B7C4F5E-57F4-4D7B-8F0E-3B8B8A3FB1C1',
      '1b7c4f5e-57f4-4d7b-8f0e-3b8b8a3fb1c1',
    ]),
  },
  { name: 'booleans', schema: () => ofType(Boolean), documents: keys([true, 'true', false, 0]) },
  {
    name: 'values of any type',
    anyElement: true,
    schema: () => ofType(Mixed),
    documents: keys([
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { a: 1 },
      [],
      [[]],
      [1, 2],
      [[1, 2]],
      1,
      /a/i,
      [/a/i, 'x'],
      'a',
      null,
      [null],
      { a: null },
      [{ a: 1 }],
    ]),
  },
  {
    name: 'a descending index with a name',
    schema: () =>
      new Schema({ a: Number }).index({ a: -1 }, { unique: true, name: 'b_1' }) as Schema,
    documents: [{ a: 1 }, { a: 2 }, {}],
  },
  {
    name: 'two paths',
    schema: () => new Schema({ a: String, b: String }).index({ a: 1, b: -1 }, unique) as Schema,
    documents: mixtures({ a: ['x', null], b: ['x'] }),
  },
  {
    name: 'a nested path',
    schema: () => new Schema({ n: { key: { type: String, unique: true }, o: String } }) as Schema,
    documents: [{ n: { key: 'a' } }, { n: { key: 'a', o: 'x' } }, { n: { o: 'x' } }, {}],
    raw: [
      { n: null },
      { n: 5 },
      { n: [{ key: 'a' }] },
      { n: [] },
      { n: [5] },
      { n: { key: ['a'] } },
    ],
  },
  {
    name: 'a path of a subdocument, and one subdocument as a whole',
    schema: () =>
      new Schema({
        s: new Schema({ key: { type: String, unique: true }, o: Number }, { _id: false }),
      }) as Schema,
    documents: [{ s: { key: 'a' } }, { s: { key: 'a', o: 1 } }, { s: { o: 1 } }, { s: null }, {}],
  },
  {
    name: 'a subdocument as a whole',
    schema: () =>
      new Schema({
        s: { type: new Schema({ a: Number, b: Number }, { _id: false }), unique: true },
      }) as Schema,
    documents: [{ s: { a: 1, b: 2 } }, { s: { b: 2, a: 1 } }, { s: { a: 1 } }, { s: {} }, {}],
  },
  {
    name: 'an array of strings',
    anyElement: true,
    schema: () => ofType([String]),
    documents: keys([['a'], ['b', 'a', 'c'], ['a', 'a'], [], ['c'], [null], null]),
    raw: [{}, { key: 'a' }, { key: [['a']] }, { key: [[]] }],
  },
  {
    name: 'an array of strings and a string',
    anyElement: true,
    schema: () =>
      new Schema({ tags: [String], b: String }).index({ tags: 1, b: 1 }, unique) as Schema,
    documents: mixtures({ tags: [['a'], ['a', 'b'], []], b: ['x'] }),
  },
  {
    name: 'a path of an array of subdocuments',
    anyElement: true,
    schema: () =>
      new Schema({ list: [new Schema({ key: { type: String, unique: true } })] }) as Schema,
    documents: [
      { list: [{ key: 'a' }] },
      { list: [{ key: 'b' }, { key: 'a' }] },
      { list: [{}] },
      { list: [{ key: 'c' }, {}] },
      { list: [] },
      {},
    ],
    raw: [{}, { list: 5 }, { list: [5] }, { list: [[{ key: 'a' }]] }, { list: { key: 'a' } }],
  },
  {
    name: 'two paths of one array of subdocuments',
    anyElement: true,
    schema: () => {
      const row = new Schema({ a: String, b: String }, { _id: false });
      return new Schema({ list: [row] }).index({ 'list.a': 1, 'list.b': 1 }, unique) as Schema;
    },
    documents: [
      { list: [{ a: 'x', b: 'y' }] },
      {
        list: [
          { a: 'x', b: 'z' },
          { a: 'w', b: 'y' },
        ],
      },
      { list: [{ a: 'x' }] },
      { list: [{ b: 'y' }, { a: 'x' }] },
      { list: [] },
      {},
    ],
  },
  {
    name: 'a path of an array in an array',
    anyElement: true,
    schema: () => {
      const inner = new Schema({ tags: { type: [String], unique: true } }, { _id: false });
      return new Schema({ list: [inner] }) as Schema;
    },
    documents: [
      { list: [{ tags: ['a'] }] },
      { list: [{ tags: ['b'] }, { tags: ['c', 'a'] }] },
      { list: [{ tags: [] }] },
      { list: [] },
    ],
  },
  {
    name: 'a key of a Map',
    schema: () =>
      new Schema({ m: { type: Map, of: String } }).index({ 'm.key': 1 }, unique) as Schema,
    documents: [{ m: { key: 'a' } }, { m: new Map([['key', 'a']]) }, { m: { other: 'a' } }, {}],
  },
  {
    name: 'a sparse index',
    schema: () => ofType(String, { sparse: true }),
    documents: [...keys(['a', 'b', null]), {}],
    raw: [{ key: [] }, { key: [null] }],
  },
  {
    name: 'a sparse index on an array of subdocuments',
    schema: () =>
      new Schema({
        list: [new Schema({ key: { type: String, unique: true, sparse: true } })],
      }) as Schema,
    documents: [{ list: [{ key: 'a' }] }, { list: [{}] }, { list: [{ key: null }] }, { list: [] }],
  },
  {
    name: 'a sparse index on two paths',
    schema: () =>
      new Schema({ a: String, b: String }).index(
        { a: 1, b: 1 },
        { unique: true, sparse: true },
      ) as Schema,
    // Not here: a null on the first path, which no query finds by such an index.
    documents: [
      { a: 'x' },
      { a: 'y' },
      { a: 'x', b: 'y' },
      { a: 'x', b: null },
      { a: 'x', b: 'z' },
      {},
    ],
  },
  {
    name: 'a partial index by equality',
    schema: () => partial({ state: 'on' }),
    documents: mixtures({ email: ['a', null], state: ['on', 'off'] }),
    raw: [{ email: 'a', state: ['off', 'on'] }],
  },
  {
    name: 'a partial index by a default of the schema',
    schema: () => partial({ active: true }, { active: { type: Boolean, default: true } }),
    documents: mixtures({ email: ['a'], active: [false] }),
  },
  {
    name: 'a partial index by null',
    schema: () => partial({ state: null }),
    documents: mixtures({ email: ['a'], state: ['off', null] }),
    raw: [{ email: 'a', state: [] }],
  },
  {
    name: 'a partial index by $exists',
    schema: () => partial({ email: { $exists: true } }),
    documents: mixtures({ email: ['a', null], n: [1] }),
  },
  {
    name: 'a partial index by $gt and $lte',
    schema: () => partial({ n: { $gt: 5, $lte: 10 } }),
    documents: mixtures({ email: ['a'], n: [5, 5.5, 10, null] }),
    raw: [
      { email: 'a', n: Types.Decimal128.fromString('7') },
      { email: 'a', n: '7' },
    ],
  },
  {
    name: 'a partial index on a range of strings',
    schema: () => partial({ state: { $gte: 'b', $lt: '\uffff' } }),
    documents: mixtures({ email: ['a'], state: ['a', 'b', 'c', '\u{1f600}'] }),
  },
  {
    name: 'a partial index by a range of dates',
    schema: () => partial({ at: { $lt: new Date(1000) } }, { at: Date }),
    documents: mixtures({ email: ['a'], at: [new Date(0), new Date(1000), new Date(2000)] }),
  },
  {
    name: 'a partial index by a range of decimals',
    schema: () => partial({ price: { $lte: 5 } }, { price: Decimal128 }),
    documents: mixtures({ email: ['a'], price: ['4.99', '5.00', '5.01', 'NaN'] }),
  },
  {
    name: 'a partial index by a range of booleans',
    schema: () => partial({ active: { $gt: false } }, { active: Boolean }),
    documents: mixtures({ email: ['a'], active: [true, false, null] }),
  },
  {
    name: 'a partial index by a range of ids',
    schema: () => partial({ owner: { $gte: ids[1] } }, { owner: ObjectId }),
    documents: mixtures({ email: ['a'], owner: [...ids, null] }),
  },
  {
    name: 'a partial index by a path of an array of subdocuments',
    schema: () => partial({ 'list.state': 'on' }, { list: [{ state: String }] }),
    documents: mixtures({
      email: ['a'],
      list: [[{ state: 'on' }], [{ state: 'off' }, { state: 'on' }], [{ state: 'off' }]],
    }),
    raw: [
      { email: 'a', list: { state: 'on' } },
      { email: 'a', list: [[{ state: 'on' }]] },
      { email: 'a', list: ['on', { state: 'on' }] },
    ],
  },
  {
    name: 'a partial index by $type on values of any type',
    schema: () =>
      partial({ any: { $type: ['bool', 'array', 'date', 'object', 'objectId'] } }, { any: Mixed }),
    documents: mixtures({
      email: ['a'],
      any: [true, [1], new Date(0), { a: 1 }, id, 'text', /a/, new Types.UUID(), 1],
    }),
    raw: [{ email: 'a', any: new mongoose.mongo.Timestamp({ t: 1, i: 1 }) }],
  },
  {
    name: 'a partial index by $type',
    schema: () => partial({ email: { $type: 'string' }, n: { $type: ['int', 'null'] } }),
    documents: mixtures({ email: ['a', null], n: [1, 1.5] }),
    raw: [{ email: 'a', n: new Types.Double(1) }],
  },
  {
    name: 'a partial index by $and, $or and $in',
    schema: () =>
      partial({ $and: [{ n: { $gte: 1 } }, { $or: [{ state: 'on' }, { n: { $in: [3, 4] } }] }] }),
    documents: mixtures({ email: ['a'], n: [0, 1, 3], state: ['on'] }),
  },
  {
    name: 'a collation that takes no notice of case',
    schema: () =>
      ofType(String, { index: { unique: true, collation: { locale: 'en', strength: 2 } } }),
    documents: [...keys(['alice', 'ALICE', 'ÀLICE', 'bob', null]), {}],
    raw: [{ key: ['x', 'Bob'] }, { key: [] }],
  },
  {
    name: 'a collation on an array, two paths, and a number',
    anyElement: true,
    schema: () =>
      new Schema({ tags: [String], n: Number }).index(
        { tags: 1, n: 1 },
        { unique: true, collation: { locale: 'en', strength: 1 } },
      ) as Schema,
    documents: mixtures({ tags: [['a'], ['Á', 'b']], n: [1, 2] }),
  },
  {
    name: 'a collation of the schema',
    schema: () =>
      new Schema({ key: { type: String, unique: true } }, {
        collation: { locale: 'en', strength: 2 },
      } as never) as Schema,
    documents: keys(['a', 'A', 'b']),
  },
  {
    name: 'a partial index with a collation',
    schema: () =>
      new Schema({ key: String, state: String }).index(
        { key: 1 },
        {
          unique: true,
          collation: { locale: 'en', strength: 2 },
          partialFilterExpression: { state: 'on' },
        },
      ) as Schema,
    // Not here: 'ON', which the server takes for 'on' and the plugin for unknown.
    documents: mixtures({ key: ['a', 'A'], state: ['on', 'off'] }),
  },
  {
    name: 'the _id',
    schema: () => new Schema({ _id: String, n: Number }) as Schema,
    documents: [{ _id: 'a' }, { _id: 'a', n: 1 }, { _id: 'b' }],
  },
  {
    name: 'paths with a blank and with letters beyond ASCII',
    schema: () =>
      new Schema({ 'with blank': String, größe: Number }).index(
        { 'with blank': 1, größe: 1 },
        unique,
      ) as Schema,
    documents: mixtures({ 'with blank': ['x'], größe: [1, 2] }),
  },
];

/** What stands beside each input; of an array, without its elements. */
const fieldsOf = (error: UniqueValidationError | null, anyElement = false) =>
  error &&
  Object.fromEntries(
    Object.entries(error.errors).map(([path, { kind, message, value, properties }]) => [
      anyElement ? path.replace(/\.\d+/g, '') : path,
      {
        kind,
        index: properties.index,
        ...(!anyElement && { message, value: value as unknown }),
      },
    ]),
  );

/** The error of an insert, or null where there is none; nothing stays stored. */
async function insertError(model: AnyModel, input: Doc): Promise<UniqueValidationError | null> {
  const document = new model(input);
  try {
    await document.save({ validateBeforeSave: false });
  } catch (error) {
    if (isUniqueValidationError(error)) return error;
    throw error;
  }
  await model.collection.deleteOne({ _id: document._id as never });
  return null;
}

describe.each(KINDS)('$name', ({ schema, documents, raw = [], anyElement }) => {
  it('reports a duplicate exactly when the server refuses the insert, with the same errors', async () => {
    const model = await compile(schema());
    const stored = [
      ...documents.map((one) => new model(one).toBSON()),
      ...raw.map((one) => ({ _id: new Types.ObjectId(), ...one })),
    ];
    let clashes = 0;
    for (const one of stored) {
      await model.collection.deleteMany({});
      await model.collection.insertOne(one as never);
      const answers = await Promise.all(
        documents.map((input) => model.checkUnique(input as never)),
      );
      for (const [at, input] of documents.entries()) {
        const answer = answers[at] ?? null;
        const error = await insertError(model, input);
        if (error !== null) clashes += 1;
        expect({ one, input, answer: fieldsOf(answer, anyElement) }).toEqual({
          one,
          input,
          answer: fieldsOf(error, anyElement),
        });
      }
    }
    // A kind in which nothing clashes, or everything, would prove nothing.
    expect(clashes).toBeGreaterThan(0);
    expect(clashes).toBeLessThan(stored.length * documents.length);
  });
});

/** Indexes of all kinds on one model; each has a collection where it stands alone. */
const MANY: [keys: Record<string, 1>, options: Doc][] = [
  [{ email: 1 }, {}],
  [{ tenant: 1, slug: 1 }, {}],
  [{ tags: 1 }, { sparse: true }],
  [{ 'list.key': 1 }, {}],
  [{ phone: 1 }, { sparse: true }],
  [{ name: 1 }, { partialFilterExpression: { active: true } }],
  [{ slug: 1 }, { partialFilterExpression: { phone: { $exists: true } } }],
  [{ nick: 1 }, { collation: { locale: 'en', strength: 2 } }],
  [{ label: 1 }, { collation: { locale: 'en', strength: 2 } }],
  [{ email: 1, label: 1 }, { collation: { locale: 'de', strength: 1 } }],
];

const few = fc.constantFrom('a', 'b', 'A', 'á', 'c', 'd', 'e', 'f');
const maybe = (value: fc.Arbitrary<unknown>) => fc.option(value, { nil: undefined, freq: 6 });
const anyDocument = fc
  .record({
    email: maybe(few),
    tenant: maybe(few),
    slug: maybe(fc.oneof(few, fc.constant(null))),
    tags: maybe(fc.array(few, { maxLength: 3 })),
    list: maybe(fc.array(fc.record({ key: few }), { minLength: 1, maxLength: 2 })),
    phone: maybe(fc.oneof(few, fc.constant(null))),
    name: maybe(few),
    active: fc.boolean(),
    nick: maybe(few),
    label: maybe(few),
  })
  .map((document) => JSON.parse(JSON.stringify(document)) as Doc);

describe('random documents, with ten indexes', () => {
  const schema = new Schema({
    ...Object.fromEntries(
      ['email', 'tenant', 'slug', 'phone', 'name', 'nick', 'label'].map((path) => [path, String]),
    ),
    active: Boolean,
    tags: { type: [String], default: undefined },
    list: { type: [new Schema({ key: String }, { _id: false })], default: undefined },
  } as never) as Schema;
  for (const [fields, options] of MANY) schema.index(fields, { unique: true, ...options } as never);

  it('are reported on exactly the indexes that refuse them one by one', async () => {
    const model = await compile(schema);
    const { indexes } = model.schema as unknown as { indexes: () => [Doc, Doc][] };
    const alone = await Promise.all(
      MANY.map(async ([key, options], at) => {
        const collection = mongoose.connection.collection(`alone${String(at)}`);
        const [name = ''] = await collection.createIndexes([{ key, unique: true, ...options }]);
        return { collection, name };
      }),
    );
    expect(indexes.call(model.schema)).toHaveLength(MANY.length);
    const violated = new Set<string>();

    await fc.assert(
      fc.asyncProperty(
        fc.array(anyDocument, { minLength: 2, maxLength: 8 }),
        fc.array(anyDocument, { minLength: 1, maxLength: 4 }),
        async (documents, inputs) => {
          await model.collection.deleteMany({});
          for (const one of documents) await insertWhereFree(model, one);
          const stored = await model.collection.find().toArray();
          await Promise.all(
            alone.map(async ({ collection }) => {
              await collection.deleteMany({});
              await collection.insertMany(stored);
            }),
          );
          for (const input of inputs) {
            const answer = await model.checkUnique(input as never);
            const names = Object.values(answer?.errors ?? {}).map(
              ({ properties }) => properties.index,
            );
            const document = new model(input).toBSON();
            const answers = await Promise.all(
              alone.map(async ({ collection, name }) => {
                const taken = await collection.insertOne({ ...document }).then(
                  () => [],
                  () => [name],
                );
                await collection.deleteOne({ _id: document._id as never });
                return taken;
              }),
            );
            const refusing = answers.flat();
            for (const name of refusing) violated.add(name);
            // One path may be in two violated indexes; it has the error of the first.
            expect(refusing).toEqual(expect.arrayContaining(names));
            const paths = new Set(Object.keys(answer?.errors ?? {}).map(withoutPositions));
            const expected = new Set(
              MANY.filter((_, at) => refusing.includes(alone[at]?.name ?? '')).flatMap(([key]) =>
                Object.keys(key),
              ),
            );
            expect([...paths].sort()).toEqual([...expected].sort());
          }
        },
      ),
      { numRuns: 12 },
    );
    expect(violated.size).toBeGreaterThan(MANY.length / 2);
  }, 60_000);
});

const withoutPositions = (path: string) => path.replace(/\.\d+/g, '');

async function insertWhereFree(model: AnyModel, document: Doc): Promise<void> {
  await model.create(document).catch((error: unknown) => {
    if (!isUniqueValidationError(error)) throw error;
  });
}
