import { Schema, Types } from 'mongoose';
import { uniqueGuard, type UniqueValidationError } from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import { isRunPair } from '../support/pairs';
import { rejection, WRITES, type AnyModel, type Doc, type WriteCase } from '../support/writes';

const mongoose = useDatabase();

interface IndexCase {
  name: string;
  schema: () => Schema;
  /** An index that only the database has. */
  databaseIndex?: Record<string, 1 | -1>;
  /** What only the collection in the database has, such as a collation. */
  collectionOptions?: object;
  /** The document that has the key, the one that exists beside it, and what clashes. */
  taken: Doc;
  other: Doc;
  clash: Doc;
  index: string;
  keyPattern: Doc;
  errors: Record<string, unknown>;
  /** Writes for which this kind makes no sense. */
  except?: (write: WriteCase) => boolean;
}

const id = new Types.ObjectId();
const day = new Date('2026-01-02T03:04:05Z');

const unique = { unique: true } as const;

const INDEXES: IndexCase[] = [
  {
    name: 'a single index',
    schema: () =>
      new Schema({ email: { type: String, unique: true, lowercase: true }, name: String }),
    taken: { email: 'alice@example.com' },
    other: { email: 'bob@example.com' },
    clash: { email: 'Alice@Example.com', name: 'Al' },
    index: 'email_1',
    keyPattern: { email: 1 },
    errors: { email: 'alice@example.com' },
  },
  ...(
    [
      ['an ObjectId', Schema.Types.ObjectId, id, id.toHexString()],
      ['a Date', Date, day, day.toISOString()],
      ['zero', Number, 0, '0'],
      ['false', Boolean, false, 'false'],
      ['a Decimal128', Schema.Types.Decimal128, Types.Decimal128.fromString('1.50'), '1.50'],
      ['a bigint', BigInt, 12n, '12'],
    ] as [string, never, unknown, unknown][]
  ).map(([what, type, value, written]) => ({
    name: `a value that is ${what}`,
    schema: () => new Schema({ key: { type, unique: true }, note: String }),
    taken: { key: value },
    other: { note: 'x' },
    clash: { key: written },
    index: 'key_1',
    keyPattern: { key: 1 },
    errors: { key: value },
  })),
  {
    name: 'null, which a unique index takes for a value',
    schema: () => new Schema({ email: { type: String, unique: true } }),
    taken: { email: null },
    other: { email: 'bob@example.com' },
    clash: { email: null },
    index: 'email_1',
    keyPattern: { email: 1 },
    errors: { email: null },
  },
  {
    name: 'a custom name that reads like another path',
    schema: () =>
      new Schema({ a: Number, b: Number }).index({ a: 1 }, { unique: true, name: 'b_1' }),
    taken: { a: 1, b: 1 },
    other: { a: 2, b: 2 },
    clash: { a: 1, b: 3 },
    index: 'b_1',
    keyPattern: { a: 1 },
    errors: { a: 1 },
  },
  {
    name: 'a descending index',
    schema: () => new Schema({ rank: Number }).index({ rank: -1 }, { unique: true }),
    taken: { rank: 7 },
    other: { rank: 8 },
    clash: { rank: '7' },
    index: 'rank_-1',
    keyPattern: { rank: -1 },
    errors: { rank: 7 },
  },
  {
    name: 'a compound index',
    schema: () =>
      new Schema({ tenant: String, slug: String }).index({ tenant: 1, slug: -1 }, { unique: true }),
    taken: { tenant: 't', slug: 's' },
    other: { tenant: 'u', slug: 'other' },
    clash: { tenant: 't', slug: 's' },
    index: 'tenant_1_slug_-1',
    keyPattern: { tenant: 1, slug: -1 },
    errors: { tenant: 't', slug: 's' },
  },
  {
    name: 'a nested path',
    schema: () => new Schema({ profile: { handle: { type: String, unique: true }, bio: String } }),
    taken: { profile: { handle: 'al' } },
    other: { profile: { handle: 'bo' } },
    clash: { profile: { handle: 'al', bio: 'x' } },
    index: 'profile.handle_1',
    keyPattern: { 'profile.handle': 1 },
    errors: { 'profile.handle': 'al' },
  },
  {
    name: 'a path of a subdocument',
    schema: () => new Schema({ profile: new Schema({ handle: { type: String, unique: true } }) }),
    taken: { profile: { handle: 'al' } },
    other: { profile: { handle: 'bo' } },
    clash: { profile: { handle: 'al' } },
    index: 'profile.handle_1',
    keyPattern: { 'profile.handle': 1 },
    errors: { 'profile.handle': 'al' },
  },
  {
    name: 'a path of an array of subdocuments',
    schema: () => new Schema({ contacts: [new Schema({ email: { type: String, unique: true } })] }),
    taken: { contacts: [{ email: 'a@x' }] },
    other: { contacts: [{ email: 'b@x' }] },
    clash: { contacts: [{ email: 'c@x' }, { email: 'a@x' }] },
    index: 'contacts.email_1',
    keyPattern: { 'contacts.email': 1 },
    errors: { 'contacts.1.email': 'a@x' },
  },
  {
    name: 'an array of values',
    schema: () => new Schema({ tags: { type: [String], unique: true } }),
    taken: { tags: ['a', 'b'] },
    other: { tags: ['z'] },
    clash: { tags: ['c', 'd', 'b'] },
    index: 'tags_1',
    keyPattern: { tags: 1 },
    errors: { 'tags.2': 'b' },
  },
  {
    name: 'one place in an array',
    schema: () => new Schema({ scores: [Number] }).index({ 'scores.0': 1 }, { unique: true }),
    taken: { scores: [1, 2] },
    other: { scores: [3, 4] },
    clash: { scores: [1, 4] },
    index: 'scores.0_1',
    keyPattern: { 'scores.0': 1 },
    errors: { 'scores.0': 1 },
  },
  {
    name: 'an array in an array, into which no index looks',
    schema: () => new Schema({ list: [] }).index({ 'list.key': 1 }, { unique: true }),
    taken: { list: [{ key: 'a' }] },
    other: { list: [{ key: 'b' }] },
    clash: { list: [[{ key: 'a' }], { key: 'a' }] },
    index: 'list.key_1',
    keyPattern: { 'list.key': 1 },
    errors: { 'list.1.key': 'a' },
  },
  {
    name: 'a partial index',
    schema: () =>
      new Schema({ email: String, active: Boolean }).index(
        { email: 1 },
        { unique: true, partialFilterExpression: { active: true } },
      ),
    taken: { email: 'a@x', active: true },
    other: { email: 'b@x', active: false },
    clash: { email: 'a@x', active: true },
    index: 'email_1',
    keyPattern: { email: 1 },
    errors: { email: 'a@x' },
  },
  {
    name: 'a sparse index',
    schema: () => new Schema({ email: { type: String, unique: true, sparse: true }, note: String }),
    taken: { email: 'a@x' },
    other: { note: 'x' },
    clash: { email: 'a@x' },
    index: 'email_1',
    keyPattern: { email: 1 },
    errors: { email: 'a@x' },
  },
  {
    name: 'an index with a collation, whose keyValue is a sort key',
    schema: () =>
      new Schema({ name: String, n: Number }).index(
        { name: 1, n: 1 },
        { unique: true, collation: { locale: 'en', strength: 2 } },
      ),
    taken: { name: 'ALICE', n: 1 },
    other: { name: 'BOB', n: 2 },
    clash: { name: 'alice', n: 1 },
    index: 'name_1_n_1',
    keyPattern: { name: 1, n: 1 },
    errors: { name: 'alice', n: 1 },
  },
  {
    name: 'the index on _id',
    schema: () => new Schema({ _id: String, n: Number }),
    taken: { _id: 'x', n: 1 },
    other: { _id: 'y', n: 2 },
    clash: { _id: 'x', n: 3 },
    index: '_id_',
    keyPattern: { _id: 1 },
    errors: { _id: 'x' },
    // The filter of an upsert finds the document; of one that exists the _id never changes.
    except: ({ name, writes }) =>
      writes === 'existing' || name.includes('upsert') || name.includes('on insert'),
  },
  {
    name: 'an index that only the database has',
    schema: () => new Schema({ email: String }),
    databaseIndex: { email: 1 },
    taken: { email: 'a@x' },
    other: { email: 'b@x' },
    clash: { email: 'a@x' },
    index: 'email_1',
    keyPattern: { email: 1 },
    errors: { email: 'a@x' },
    // Bulk errors carry no keyPattern: see below.
    except: ({ shape }) => shape !== 'single',
  },
  {
    name: 'two paths of one array, which are of one element',
    schema: () =>
      new Schema({ accounts: [{ _id: false, bank: String, number: String }] }).index(
        { 'accounts.bank': 1, 'accounts.number': 1 },
        { unique: true },
      ),
    taken: { accounts: [{ bank: 'abc', number: '123' }] },
    other: { accounts: [{ bank: 'x', number: '0' }] },
    clash: {
      accounts: [
        { bank: 'abc', number: '9' },
        { bank: 'xyz', number: '123' },
        { bank: 'abc', number: '123' },
      ],
    },
    index: 'accounts.bank_1_accounts.number_1',
    keyPattern: { 'accounts.bank': 1, 'accounts.number': 1 },
    errors: { 'accounts.2.bank': 'abc', 'accounts.2.number': '123' },
  },
  {
    name: 'three paths of nested arrays, which are of one element at each level',
    schema: () =>
      new Schema({
        shops: [{ _id: false, city: String, shelves: [{ _id: false, row: Number, slot: Number }] }],
      }).index({ 'shops.city': 1, 'shops.shelves.row': 1, 'shops.shelves.slot': -1 }, unique),
    taken: { shops: [{ city: 'Rome', shelves: [{ row: 1, slot: 2 }] }] },
    other: { shops: [{ city: 'Oslo', shelves: [{ row: 0, slot: 0 }] }] },
    clash: {
      shops: [
        { city: 'Bonn', shelves: [{ row: 1, slot: 2 }] },
        {
          city: 'Rome',
          shelves: [
            { row: 1, slot: 1 },
            { row: 2, slot: 2 },
            { row: 1, slot: 2 },
          ],
        },
      ],
    },
    index: 'shops.city_1_shops.shelves.row_1_shops.shelves.slot_-1',
    keyPattern: { 'shops.city': 1, 'shops.shelves.row': 1, 'shops.shelves.slot': -1 },
    errors: { 'shops.1.city': 'Rome', 'shops.1.shelves.2.row': 1, 'shops.1.shelves.2.slot': 2 },
  },
  {
    name: 'the same key in two elements: neither of them is named',
    schema: () =>
      new Schema({ accounts: [{ _id: false, bank: String, number: String }] }).index(
        { 'accounts.bank': 1, 'accounts.number': 1 },
        unique,
      ),
    taken: { accounts: [{ bank: 'abc', number: '123' }] },
    other: { accounts: [{ bank: 'x', number: '0' }] },
    clash: {
      accounts: [
        { bank: 'abc', number: '123' },
        { bank: 'abc', number: '9' },
        { bank: 'abc', number: '123' },
      ],
    },
    index: 'accounts.bank_1_accounts.number_1',
    keyPattern: { 'accounts.bank': 1, 'accounts.number': 1 },
    errors: { 'accounts.bank': 'abc', 'accounts.number': '123' },
  },
  {
    name: 'a text index, whose key is a stem',
    schema: () =>
      new Schema({ title: String, body: String }).index(
        { title: 'text', body: 'text' },
        { unique: true, weights: { title: 5 } },
      ),
    taken: { title: 'A-100', body: 'alpha' },
    other: { title: 'B-200', body: 'beta' },
    clash: { title: 'A-100', body: 'gamma' },
    index: 'title_text_body_text',
    keyPattern: { title: 'text', body: 'text' },
    errors: { title: 'A-100', body: 'gamma' },
  },
  {
    name: 'a compound index of text and other paths',
    schema: () =>
      new Schema({ tenant: String, title: String, year: Number }).index(
        { tenant: 1, title: 'text', year: -1 },
        { unique: true, name: 'search' },
      ),
    taken: { tenant: 't', title: 'Running', year: 1 },
    other: { tenant: 'u', title: 'Walking', year: 2 },
    clash: { tenant: 't', title: 'runs', year: 1 },
    index: 'search',
    keyPattern: { tenant: 1, title: 'text', year: -1 },
    errors: { tenant: 't', title: 'runs', year: 1 },
  },
  {
    name: 'a 2dsphere index, whose key is a cell',
    schema: () =>
      new Schema({ place: { type: { type: String }, coordinates: [Number] } }).index(
        { place: '2dsphere' },
        unique,
      ),
    taken: { place: { type: 'Point', coordinates: [1.5, 2.5] } },
    other: { place: { type: 'Point', coordinates: [50, 50] } },
    clash: { place: { type: 'Point', coordinates: [1.5, 2.5] } },
    index: 'place_2dsphere',
    keyPattern: { place: '2dsphere' },
    errors: { place: { type: 'Point', coordinates: [1.5, 2.5] } },
  },
  {
    name: 'a 2d index, whose key is a hash',
    schema: () => new Schema({ place: [Number] }).index({ place: '2d' }, unique),
    taken: { place: [1.5, 2.5] },
    other: { place: [50, 50] },
    clash: { place: [1.5, 2.5] },
    index: 'place_2d',
    keyPattern: { place: '2d' },
    errors: { place: [1.5, 2.5] },
  },
  {
    name: 'a compound index of a point and other paths',
    schema: () =>
      new Schema({
        shop: String,
        places: [{ _id: false, at: { type: { type: String }, coordinates: [Number] } }],
        floor: Number,
      }).index({ shop: 1, 'places.at': '2dsphere', floor: 1 }, unique),
    taken: { shop: 's', places: [{ at: { type: 'Point', coordinates: [1, 2] } }], floor: 3 },
    other: { shop: 'other', places: [{ at: { type: 'Point', coordinates: [5, 5] } }], floor: 4 },
    clash: { shop: 's', places: [{ at: { type: 'Point', coordinates: [1, 2] } }], floor: 3 },
    index: 'shop_1_places.at_2dsphere_floor_1',
    keyPattern: { shop: 1, 'places.at': '2dsphere', floor: 1 },
    errors: { shop: 's', 'places.0.at': { type: 'Point', coordinates: [1, 2] }, floor: 3 },
  },
  {
    name: 'a collation that only the collection has',
    schema: () => new Schema({ name: { type: String, unique: true }, n: Number }),
    collectionOptions: { collation: { locale: 'en', strength: 2, numericOrdering: true } },
    taken: { name: 'NAME-1' },
    other: { name: 'name-2' },
    clash: { name: 'name-01', n: 1 },
    index: 'name_1',
    keyPattern: { name: 1 },
    errors: { name: 'name-01' },
  },
  {
    name: 'a Buffer',
    schema: () => new Schema({ key: { type: Buffer, unique: true }, note: String }),
    taken: { key: Buffer.from('abc') },
    other: { note: 'x' },
    clash: { key: Buffer.from('abc') },
    index: 'key_1',
    keyPattern: { key: 1 },
    errors: { key: Buffer.from('abc') },
  },
  {
    name: 'paths with a blank and with letters beyond ASCII',
    schema: () =>
      new Schema({ 'with blank': String, größe: Number }).index(
        { 'with blank': 1, größe: 1 },
        { unique: true },
      ),
    taken: { 'with blank': 'b', größe: 1 },
    other: { 'with blank': 'c', größe: 2 },
    clash: { 'with blank': 'b', größe: 1 },
    index: 'with blank_1_größe_1',
    keyPattern: { 'with blank': 1, größe: 1 },
    errors: { 'with blank': 'b', größe: 1 },
  },
];

let count = 0;

async function compile(kind: IndexCase, plugin: boolean): Promise<AnyModel> {
  const schema = kind.schema();
  // Else Mongoose creates the collection by itself, without these options.
  if (kind.collectionOptions) schema.set('autoCreate', false);
  if (plugin) schema.plugin(uniqueGuard);
  count += 1;
  const name = `Thing${String(count)}`;
  const model = mongoose.model(name, schema) as unknown as AnyModel;
  await model.createCollection(kind.collectionOptions);
  await model.ensureIndexes();
  if (kind.databaseIndex)
    await model.collection.createIndexes([{ key: kind.databaseIndex, unique: true }]);
  return model;
}

async function seed(model: AnyModel, kind: IndexCase): Promise<unknown> {
  await model.collection.deleteMany();
  const { insertedIds } = await model.collection.insertMany(
    [kind.taken, kind.other].map((one) => ({ ...new model(one).toBSON(), __v: 0 })),
  );
  return insertedIds[1];
}

const newId = () => new Types.ObjectId('64b000000000000000000001');

describe.each(INDEXES)('$name', (kind) => {
  const writes = WRITES.filter((write) => !kind.except?.(write));
  // The plugin does nothing of its own there, whatever the index.
  const some = writes.filter((write) => isRunPair(INDEXES.indexOf(kind), WRITES.indexOf(write)));
  const fieldsFor = (write: WriteCase, fields: Doc) =>
    write.writes === 'new' ? { _id: newId(), ...fields } : fields;
  let guarded: AnyModel;
  let bare: AnyModel;

  beforeAll(async () => {
    guarded = await compile(kind, true);
    bare = await compile(kind, false);
  });

  it.each(writes)('$name: a duplicate is an error on each field', async (write) => {
    const existingId = await seed(guarded, kind);
    const before = await guarded.collection.find().toArray();
    const error = (await rejection(
      write.run(guarded, fieldsFor(write, kind.clash), existingId),
    )) as UniqueValidationError;

    if (write.shape === 'bulkWrite') {
      expect(error.name).toBe('MongoBulkWriteError');
    } else {
      expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
      expect(error.code).toBe(11000);
      expect(error.message).toMatch(/^Thing\d+ validation failed: /);
      expect(Object.keys(error)).toEqual(expect.not.arrayContaining(['code', 'cause']));
      // JSON has no bigint, with Mongoose's own errors as with these.
      const json = JSON.stringify(error, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      expect(Object.keys(JSON.parse(json) as object).sort()).toEqual([
        '_message',
        'errors',
        'message',
        'name',
      ]);
      expect(error.cause).toHaveProperty('code', 11000);
    }
    expect(Object.keys(error.errors)).toEqual(Object.keys(kind.errors));
    for (const [path, value] of Object.entries(kind.errors)) {
      const one = error.errors[path];
      expect(one).toBeInstanceOf(mongoose.Error.ValidatorError);
      expect(one).toMatchObject({ kind: 'unique', path });
      expect(one?.value).toEqual(value);
      expect(one?.properties).toMatchObject({ index: kind.index, keyPattern: kind.keyPattern });
    }
    // What code reads that handled the driver's error.
    for (const each of [error, ...(error.validationErrors ?? [])]) {
      expect(each.keyPattern).toEqual(kind.keyPattern);
      const values = Object.values(kind.errors);
      const paths = Object.keys(kind.keyPattern);
      expect(each.keyValue).toEqual(
        Object.fromEntries(paths.map((path, at) => [path, values[at]])),
      );
      expect(Object.keys(each)).not.toContain('keyPattern');
      expect(Object.keys(each)).not.toContain('keyValue');
    }
    if (write.shape !== 'single') {
      expect(error.validationErrors).toHaveLength(1);
      expect(error.validationErrors?.[0]).toMatchObject({ index: 0, errors: error.errors });
    }
    expect(await guarded.collection.find().toArray()).toEqual(before);
  });

  it.each(some)('$name: a success has the result of bare Mongoose', async (write) => {
    const fields = {
      ...kind.other,
      ...(write.writes === 'new' && kind.name.includes('_id') ? { _id: 'z' } : {}),
    };
    const results = [];
    for (const model of [bare, guarded]) {
      await model.collection.deleteMany();
      const [, existing] = await model.collection
        .insertMany([
          { _id: 'taken' as never, ...kind.taken },
          { _id: new Types.ObjectId('64b000000000000000000002'), ...kind.other },
        ])
        .then(({ insertedIds }) => [insertedIds[0], insertedIds[1]]);
      if (write.writes === 'new') await model.collection.deleteOne({ _id: existing as never });
      const result: unknown = await write.run(model, fieldsFor(write, fields), existing);
      results.push(
        JSON.parse(JSON.stringify(result), (key, value: unknown) =>
          // Made anew in each run: the ids of subdocuments.
          key === '_id' && kind.name.includes('subdocument') ? undefined : value,
        ),
      );
    }
    expect(results[1]).toEqual(results[0]);
  });

  it.each(some)('$name: another error is the identical object', async (write) => {
    const existingId = await seed(guarded, kind);
    const boom = Object.assign(new Error('boom'), { code: 121 });
    const driver = jest
      .spyOn(guarded.collection, write.driver as never)
      .mockRejectedValue(boom as never);
    try {
      expect(await rejection(write.run(guarded, fieldsFor(write, kind.clash), existingId))).toBe(
        boom,
      );
    } finally {
      driver.mockRestore();
    }
  });
});
