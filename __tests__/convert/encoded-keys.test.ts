/** What the server reports of a key is not always what was written: sort keys, stems, cells and hashes. */
import { Schema } from 'mongoose';
import type { UniqueValidationError } from 'mongoose-unique-guard';
import { explainUniqueIndexError, toValidationError } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);
const unique = { unique: true } as const;

/** As MongoDB 4.4 and 5.0 report `name-1` under a collation with `numericOrdering`. */
const SORT_KEY = 'C)A1\u0005\u000e\u000f\u0003\u0001\n\u0001\n';
/** Under strength 1 a sort key may look like any other string. */
const PRINTABLE_SORT_KEY = 'C)A1';

/** The wire versions of MongoDB 4.4, 5.0 and 6.0. */
const [V4_4, V5_0, V6_0] = [9, 13, 17];

function pretend(servers: unknown): void {
  const client = { topology: { description: { servers } } };
  jest.spyOn(mongoose.connection, 'getClient').mockReturnValue(client as never);
}
const serversOf = (...versions: number[]) =>
  new Map(versions.map((maxWireVersion, port) => [`host:${String(port)}`, { maxWireVersion }]));

afterEach(() => {
  jest.restoreAllMocks();
});

const METHODS = ['insertOne', 'insertMany', 'updateOne', 'findOneAndUpdate', 'bulkWrite'] as const;

/** The error of the next write, as an old server makes it: with a key, but without any flags. */
function refuse(model: AnyModel, index: string, keyPattern: Doc, keyValue: Doc, more: Doc = {}) {
  const namespace = `${model.db.name}.${model.collection.name}`;
  const message = `E11000 duplicate key error collection: ${namespace} index: ${index} dup key: ${JSON.stringify(keyValue)}`;
  const response = { message, code: 11000, keyPattern, keyValue, ...more };
  const raw = new mongoose.mongo.MongoServerError(response);
  for (const method of METHODS) {
    jest.spyOn(model.collection, method).mockRejectedValue(raw as never);
  }
}

async function fieldsOf(write: Promise<unknown>): Promise<Record<string, unknown>> {
  const { errors } = (await rejection(write)) as UniqueValidationError;
  return Object.fromEntries(Object.values(errors).map(({ path, value }) => [path, value]));
}

describe.each([
  ['MongoDB 4.4', serversOf(V4_4)],
  ['MongoDB 5.0', serversOf(V5_0)],
  ['members of two versions', serversOf(V6_0, V5_0)],
  ['a server that did not answer', serversOf(0)],
  ['a driver that does not say', undefined],
])('a collation that no schema declares, on %s', (_, servers) => {
  beforeEach(() => {
    pretend(servers);
  });

  it.each([SORT_KEY, PRINTABLE_SORT_KEY])(
    'the value is what was written, not %j',
    async (sortKey) => {
      const model = await compile(new Schema({ name: { type: String, unique: true }, n: Number }));
      refuse(model, 'name_1', { name: 1 }, { name: sortKey });
      const expected = { name: 'name-1' };
      expect(await fieldsOf(model.create(expected))).toEqual(expected);
      expect(await fieldsOf(model.updateOne({}, expected).exec())).toEqual(expected);
      expect(await fieldsOf(model.findOneAndUpdate({}, expected).exec())).toEqual(expected);
      const upsert = model.updateOne({ name: 'name-1' }, { n: 1 }, { upsert: true });
      expect(await fieldsOf(upsert.exec())).toEqual(expected);
      expect(await fieldsOf(model.saveOrUpsert(expected))).toEqual(expected);
    },
  );

  it('a value that nothing says is undefined', async () => {
    const model = await compile(new Schema({ name: { type: String, unique: true } }));
    refuse(model, 'name_1', { name: 1 }, { name: SORT_KEY });
    const pipeline = [{ $set: { name: { $concat: ['name', '-1'] } } }];
    const update = model.updateOne({}, pipeline, { updatePipeline: true } as object);
    expect(await fieldsOf(update.exec())).toEqual({ name: undefined });
    const raw = await rejection(model.collection.insertOne({ name: 'name-1' }));
    expect(toValidationError(raw, model)).toHaveProperty('errors.name.value', undefined);
  });

  it('an array with one element has its place, one with more has none', async () => {
    const model = await compile(new Schema({ tags: { type: [String], unique: true } }));
    refuse(model, 'tags_1', { tags: 1 }, { tags: SORT_KEY });
    expect(await fieldsOf(model.create({ tags: ['name-1'] }))).toEqual({ 'tags.0': 'name-1' });
    expect(await fieldsOf(model.create({ tags: ['a', 'b'] }))).toEqual({ tags: undefined });
  });

  it('what cannot be an encoding says which element it is', async () => {
    const schema = new Schema({ list: [{ name: String, n: Number }] });
    const model = await compile(
      schema.index({ 'list.name': 1, 'list.n': 1 }, unique) as unknown as Schema,
    );
    const index = 'list.name_1_list.n_1';
    refuse(model, index, { 'list.name': 1, 'list.n': 1 }, { 'list.name': SORT_KEY, 'list.n': 2 });
    const list = [
      { name: 'a', n: 1 },
      { name: 'name-1', n: 2 },
    ];
    expect(await fieldsOf(model.create({ list }))).toEqual({
      'list.1.name': 'name-1',
      'list.1.n': 2,
    });
    const again = [...list, { name: 'b', n: 2 }];
    expect(await fieldsOf(model.create({ list: again }))).toEqual({
      'list.name': undefined,
      'list.n': 2,
    });
  });

  it('one string that is reported as it was written proves that the key is not encoded', async () => {
    const schema = new Schema({ tenant: String, slug: String });
    const model = await compile(schema.index({ tenant: 1, slug: 1 }, unique) as unknown as Schema);
    const [index, keyPattern] = ['tenant_1_slug_1', { tenant: 1, slug: 1 }];
    refuse(model, index, keyPattern, { tenant: 't', slug: 's' });
    const update = (slug: string) => fieldsOf(model.updateOne({}, { slug }).exec());
    expect(await update('s')).toEqual({ tenant: 't', slug: 's' });
    // The sort key of an empty string may be empty, too.
    refuse(model, index, keyPattern, { tenant: PRINTABLE_SORT_KEY, slug: '' });
    expect(await update('')).toEqual({ tenant: undefined, slug: '' });
    refuse(model, index, keyPattern, { tenant: SORT_KEY, slug: SORT_KEY });
    expect(await update('s')).toEqual({ tenant: undefined, slug: 's' });
  });

  it('an object and an array may hold sort keys as well', async () => {
    const model = await compile(
      new Schema({ key: { type: Schema.Types.Mixed, unique: true } }) as unknown as Schema,
    );
    for (const reported of [{ name: SORT_KEY }, [SORT_KEY]]) {
      refuse(model, 'key_1', { key: 1 }, { key: reported });
      expect(await fieldsOf(model.create({ key: { name: 'name-1' } }))).toEqual({
        key: { name: 'name-1' },
      });
      expect(await fieldsOf(model.updateOne({}, { $inc: { key: 1 } }).exec())).toEqual({
        key: undefined,
      });
    }
  });

  it('flags of the server are believed', async () => {
    const model = await compile(new Schema({ name: { type: String, unique: true } }));
    const update = () =>
      fieldsOf(
        model.updateOne({}, [{ $set: { name: 'x' } }], { updatePipeline: true } as object).exec(),
      );
    refuse(model, 'name_1', { name: 1 }, { name: 'a' }, { hexEncoded: [false] });
    expect(await update()).toEqual({ name: 'a' });
    refuse(model, 'name_1', { name: 1 }, { name: '43' }, { hexEncoded: [true] });
    expect(await update()).toEqual({ name: undefined });
    refuse(model, 'name_1', { name: 1 }, { name: '43' }, { collation: { locale: 'en' } });
    expect(await update()).toEqual({ name: undefined });
  });
});

it('MongoDB 6.0 flags what it encodes, so that any other string is what was stored', async () => {
  const model = await compile(new Schema({ name: { type: String, unique: true } }));
  await model.create([{ name: 'a' }, { name: 'b' }]);
  const pipeline = [{ $set: { name: { $concat: ['a', ''] } } }];
  const options = { updatePipeline: true } as object;
  const update = model.updateOne({ name: 'b' }, pipeline, options);
  expect(await fieldsOf(update.exec())).toEqual({ name: 'a' });
});

it('a number that was not written is what the server says: some other write met it', async () => {
  const model = await compile(new Schema({ n: { type: Number, unique: true } }));
  refuse(model, 'n_1', { n: 1 }, { n: 5 });
  expect(await fieldsOf(model.create({ n: 7 }))).toEqual({ n: 5 });
});

describe('a text index', () => {
  const schema = () =>
    new Schema({ title: String, tags: [String], body: String }).index(
      { title: 'text', tags: 'text', body: 'text' },
      { unique: true, name: 'search', weights: { title: 3 } },
    ) as unknown as Schema;

  it('has the values of its paths, also where two of them are arrays', async () => {
    const both = new Schema({ tags: [String], words: [String] }).index(
      { tags: 'text', words: 'text' },
      unique,
    );
    const model = await compile(both as unknown as Schema);
    await model.create({ tags: ['red'], words: ['blue'] });
    const write = model.create({ tags: ['red'], words: ['green', 'grey'] });
    expect(await fieldsOf(write)).toEqual({ 'tags.0': 'red', words: undefined });
  });

  it('is reported on the path that indexes.<name>.path names', async () => {
    const model = await compile(schema(), { indexes: { search: { path: 'title' } } });
    await model.create({ title: 'Running' });
    expect(await fieldsOf(model.create({ title: 'Runs' }))).toEqual({ title: 'Runs' });
    expect(await fieldsOf(model.insertMany([{ title: 'Runs' }]))).toEqual({ title: 'Runs' });
  });

  it('is found by its pattern where the database has it under another name', async () => {
    const model = await compile(schema());
    const keyPattern = { _fts: 'text', _ftsx: 1 };
    refuse(model, 'other', keyPattern, { _fts: 'run', _ftsx: 1.1 });
    const error = await rejection(model.create({ title: 'Running' }));
    expect(error).toMatchObject({
      errors: { title: { value: 'Running' }, body: { value: null } },
      keyPattern: { title: 'text', tags: 'text', body: 'text' },
      keyValue: { title: 'Running' },
    });
  });

  it('is explained by the paths that the schema declares', async () => {
    const model = await compile(schema());
    await model.create({ title: 'Running' });
    const sentence =
      `The unique index search of ${model.modelName} refused a second document with the same values of ` +
      '`title`, `tags`, `body`.';
    expect(explainUniqueIndexError(await rejection(model.create({ title: 'Runs' })))).toBe(
      sentence,
    );
    const raw = await rejection(model.collection.insertOne({ title: 'Runs' }));
    expect(explainUniqueIndexError(raw, model)).toBe(sentence);
  });

  it('that no schema declares leaves the error as it is: nobody knows its paths', async () => {
    const model = await compile(new Schema({ title: String }));
    await model.collection.createIndexes([
      { key: { title: 'text' }, name: 'search', unique: true },
    ]);
    await model.create({ title: 'Running' });
    const error = await rejection(model.create({ title: 'Runs' }));
    expect(error).toMatchObject({ name: 'MongoServerError' });
    expect(error).toHaveProperty(
      'uniqueGuard.reason',
      expect.stringContaining('The server names the index search, which the schema'),
    );
  });
});

describe('a geo index', () => {
  it.each(['2d', '2dsphere'] as const)('%s: of several points none is named', async (direction) => {
    const model = await compile(
      new Schema({ places: [{ _id: false, at: [Number], name: String }] }).index(
        { 'places.at': direction },
        unique,
      ) as unknown as Schema,
    );
    await model.create({ places: [{ at: [1, 2], name: 'x' }] });
    const one = [{ at: [1, 2], name: 'y' }];
    expect(await fieldsOf(model.create({ places: one }))).toEqual({ 'places.0.at': [1, 2] });
    const two = [{ at: [3, 4] }, ...one];
    expect(await fieldsOf(model.create({ places: two }))).toEqual({ 'places.at': undefined });
  });
});

it('a Buffer that nothing but the server says is a Buffer', async () => {
  const schema = new Schema({ key: { type: Buffer, unique: true }, copy: Buffer });
  const model = await compile(schema as unknown as Schema, { message: '{VALUE}' });
  await model.create([
    { key: Buffer.from('a') },
    { key: Buffer.from('b'), copy: Buffer.from('a') },
  ]);
  const pipeline = [{ $set: { key: '$copy' } }];
  const update = model.updateOne({ key: Buffer.from('b') }, pipeline, {
    updatePipeline: true,
  } as object);
  const error = (await rejection(update.exec())) as UniqueValidationError;
  expect(error.errors['key']).toMatchObject({ value: Buffer.from('a'), message: 'a' });
});
