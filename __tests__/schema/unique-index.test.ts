import { mongo, Mongoose, Schema } from 'mongoose';
import {
  baseOf,
  findUniqueIndexes,
  isSamePattern,
  isTextPattern,
  modelsOfCollection,
  readDeclaredFilters,
  readUniqueIndex,
  schemasOf,
  schemasOfCollection,
} from '../../lib/schema/unique-index';
import type { AnyModel, AnySchema } from '../../lib/mongoose-internals';

const schemaOf = (options: object = {}) =>
  new Schema({ a: String, b: String }, options as never) as unknown as AnySchema;
const read = (keys: object, options: object, ofSchema: object = {}) =>
  readUniqueIndex(schemaOf(ofSchema), [keys, options] as never);

const EN = { locale: 'en', strength: 2 };
const FR = { locale: 'fr' };
const LIVE = { live: true };

describe('a declared index', () => {
  it.each<[object, object, object, object | undefined]>([
    [{ a: 1 }, { unique: true }, {}, { name: 'a_1' }],
    [{ a: 1, b: -1 }, { unique: true }, {}, { name: 'a_1_b_-1' }],
    [{ a: 1 }, { unique: true, name: 'mine' }, {}, { name: 'mine' }],
    [{ a: 1 }, { unique: [true, 'in use'] }, {}, { name: 'a_1' }],
    [{ a: 1 }, {}, {}, undefined],
    [{ a: 1 }, { unique: false }, {}, undefined],
    [{ a: 1 }, { unique: 'yes' }, {}, undefined],
    [{ _id: 1 }, { unique: true }, {}, undefined],
    [{ _id: 1, a: 1 }, { unique: true }, {}, { name: '_id_1_a_1' }],
    [{ a: 1 }, { unique: true, sparse: true }, {}, { name: 'a_1', sparse: true }],
    [{ a: 1 }, { unique: true, sparse: false }, {}, { name: 'a_1' }],
    [{ a: 1 }, { unique: true, collation: EN }, {}, { name: 'a_1', collation: EN }],
    [{ a: 1 }, { unique: true }, { collation: FR }, { name: 'a_1', collation: FR }],
    [{ a: 1 }, { unique: true, collation: EN }, { collation: FR }, { name: 'a_1', collation: EN }],
    [{ a: 'text' }, { unique: true }, { collation: FR }, { name: 'a_text' }],
    [
      { a: 1 },
      { unique: true, partialFilterExpression: LIVE },
      {},
      { name: 'a_1', partialFilterExpression: LIVE, builtFilter: LIVE },
    ],
  ])('%j, %j, of a schema with %j, is %j', (keys, options, ofSchema, index) => {
    expect(read(keys, options, ofSchema)).toEqual(index && { keyPattern: keys, ...index });
  });

  it('is a copy: changes of it leave the schema alone', () => {
    const options = { unique: true, collation: { ...EN }, partialFilterExpression: { ...LIVE } };
    const index = read({ a: 1 }, options);
    expect(index?.collation).not.toBe(options.collation);
    expect(index?.partialFilterExpression).not.toBe(options.partialFilterExpression);
    expect(index?.builtFilter).not.toBe(index?.partialFilterExpression);
  });

  it('has its partial filter listed, unique or not', () => {
    const schema = new Schema({ a: { type: String, index: true } });
    schema.index({ b: 1 }, { partialFilterExpression: LIVE });
    schema.index({ b: -1, a: 1 }, { name: 'mine', unique: true, partialFilterExpression: {} });
    expect(readDeclaredFilters(schema as unknown as AnySchema)).toEqual([
      { name: 'b_1', filter: LIVE },
      { name: 'mine', filter: {} },
    ]);
  });
});

describe('the models of a collection', () => {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const base = mongoose.model('Base', new Schema({ a: { type: String, unique: true } }));
  const withB = new Schema({ b: { type: String, unique: true } });
  withB.index({ c: 1 }, { unique: true, sparse: true });
  withB.index({ d: 1 }, { unique: true, partialFilterExpression: { ...LIVE } });
  withB.index({ e: 1 }, { unique: true, name: 'a_1' });
  const kind = base.discriminator('Kind', withB);
  const other = base.discriminator('Other', new Schema({ x: String }));
  const sharing = mongoose.model('Sharing', new Schema({ y: String }), 'bases');
  const alone = mongoose.model('Alone', new Schema({ z: String }));
  const all = { base, kind, other, sharing, alone } as unknown as Record<string, AnyModel>;
  const named = (models: AnyModel[]) => models.map(({ modelName }) => modelName);
  const modelsWith = (schemas: AnySchema[]) =>
    schemas.map(
      (one) => Object.values(all).find(({ schema }) => (schema as unknown) === one)?.modelName,
    );

  it.each<[string, string, string[], string[]]>([
    ['base', 'Base', ['Base', 'Kind', 'Other'], ['Base', 'Kind', 'Other', 'Sharing']],
    ['kind', 'Base', ['Kind', 'Base'], ['Kind', 'Base', 'Other', 'Sharing']],
    ['sharing', 'Sharing', ['Sharing'], ['Sharing', 'Base', 'Kind', 'Other']],
    ['alone', 'Alone', ['Alone'], ['Alone']],
  ])('%s: its base is %s, its writes concern %j of %j', (name, baseName, own, sharers) => {
    const model = all[name] as AnyModel;
    expect(baseOf(model).modelName).toBe(baseName);
    expect(modelsWith(schemasOf(model))).toEqual(own);
    expect(named(modelsOfCollection(model))).toEqual(sharers);
    expect(modelsWith(schemasOfCollection(model))).toEqual(sharers);
  });

  it('a base that is not on the connection is the model itself', () => {
    const model = { ...all['kind'], baseModelName: 'Elsewhere', db: { models: {} } };
    expect(baseOf(model as unknown as AnyModel)).toBe(model);
  });

  it.each(['base', 'kind'])("%s: of indexes with one name, the base's counts", (name) => {
    const indexes = findUniqueIndexes(all[name] as AnyModel);
    expect(indexes).toEqual([
      { name: '_id_', keyPattern: { _id: 1 } },
      { name: 'a_1', keyPattern: { a: 1 } },
      { name: 'b_1', keyPattern: { b: 1 }, builtFilter: { __t: 'Kind' } },
      // Mongoose adds no kind to a sparse index.
      { name: 'c_1', keyPattern: { c: 1 }, sparse: true },
      {
        name: 'd_1',
        keyPattern: { d: 1 },
        // Mongoose may have added the kind to the schema's own.
        partialFilterExpression: expect.objectContaining(LIVE) as object,
        builtFilter: { ...LIVE, __t: 'Kind' },
      },
    ]);
  });

  it('are read once', () => {
    const schema = new Schema({ a: String });
    const model = mongoose.model('Once', schema) as unknown as AnyModel;
    expect(findUniqueIndexes(model)).toHaveLength(1);
    const indexes = jest.spyOn(schema, 'indexes');
    findUniqueIndexes(model);
    expect(indexes).not.toHaveBeenCalled();
  });
});

it.each<[object, object, boolean]>([
  [{ a: 1 }, { a: 1 }, true],
  [{ a: 1 }, { a: '1' }, false],
  [{ a: 1 }, { a: new mongo.Int32(1) }, true],
  [{ a: 1, b: 1 }, { a: 1, b: -1 }, false],
  [{ a: 1 }, { a: -1 }, false],
  [{ a: 1 }, { b: 1 }, false],
  [{ a: 1, b: 1 }, { b: 1, a: 1 }, false],
  [{ a: 1, b: 1 }, { a: 1 }, false],
  [{ a: 1 }, { a: 1, b: 1 }, false],
  [{ a: 'hashed' }, { a: 'hashed' }, true],
  [{ a: 'text', b: 'text' }, { b: 'text', a: 'text' }, true],
  [{ c: 1, b: 'text', a: 'text' }, { c: 1, a: 'text', b: 'text' }, true],
  [{ a: 'text', c: 1 }, { c: 1, a: 'text' }, false],
  [{ a: 'text' }, { a: 1 }, false],
])('%j and %j are one pattern: %p', (a, b, expected) => {
  expect(isSamePattern(a as never, b as never)).toBe(expected);
  expect(isSamePattern(b as never, a as never)).toBe(expected);
  const isText = Object.values(a).includes('text');
  expect(isTextPattern(a as never)).toBe(isText);
});
