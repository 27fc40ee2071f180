import * as fc from 'fast-check';
import { Mongoose, Schema, Types, type SchemaOptions } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { prepareUpsert, startUpsertCall } from '../../lib/upsert/prepare/prepare-upsert';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = new Mongoose();
mongoose.set('autoIndex', false).now = () => new Date(7);

function modelOf(fields: Doc, options: object = {}, change?: (schema: Schema) => void): AnyModel {
  mongoose.deleteModel(/^/);
  const paths = { key: { type: String, unique: true }, ...fields };
  const schema = new Schema(paths as never, options as SchemaOptions) as Schema;
  change?.(schema);
  return mongoose.model('Any', schema.plugin(uniqueGuard)) as unknown as AnyModel;
}

const callOf = (model: AnyModel, options = {}) => startUpsertCall(model as never, options);

/** What is written, or the error, as text. A new document's own `_id` is random. */
async function prepared(model: AnyModel, input: object, isByDocument: boolean): Promise<string> {
  const call = callOf(model);
  const own = isByDocument ? { ...call, castScalars: undefined } : call;
  const { EJSON } = model.base.mongo.BSON;
  try {
    const { write, filter, key, target } = await prepareUpsert(own, input);
    const { inserted, lockedPaths, ...others } = write;
    const isIdGiven = (input as Doc)['_id'] !== undefined;
    const entries = Object.entries(inserted).filter(([path]) => isIdGiven || path !== '_id');
    // The server sorts the paths of an update, and what is locked is a set.
    const { $set = {}, ...operators } =
      (others as { onUpdate?: Record<string, object> }).onUpdate ?? {};
    const all = {
      inserted: Object.fromEntries(entries.sort()),
      lockedPaths: lockedPaths.sort(),
      ...others,
      onUpdate: { ...operators, $set: Object.entries($set).sort() },
      filter,
      key,
      target: target.name,
    };
    return EJSON.stringify(all, { relaxed: false });
  } catch (error) {
    return String(error);
  }
}

const none = () => undefined;

describe('inputs of scalar values', () => {
  it.each<[string, Doc, object?, ((schema: Schema) => void)?]>([
    ['scalar paths', { a: String, b: { type: Number, min: 1 }, c: Date, d: Schema.Types.ObjectId }],
    ["Mongoose's setters", { a: { type: String, lowercase: true, trim: true, immutable: true } }],
    ['timestamps', { a: String }, { timestamps: true }],
    ['defaults', { a: { type: Date, default: Date.now }, b: { type: Number, default: () => 1 } }],
    ['an array that no input gives', { a: [String], b: { c: String }, d: Map, e: {} }],
  ])('need no document: %s', (...[, fields, options, change]) => {
    expect(callOf(modelOf(fields, options, change)).castScalars?.({ key: 'k' })).toBeDefined();
  });

  it.each<[string, Doc, object?, ((schema: Schema) => void)?]>([
    ["a user's setter", { a: { type: String, set: none } }],
    ['a getter', { a: { type: String, get: none } }],
    ['a default that reads the document', { a: { type: String, default: (doc: Doc) => doc } }],

    [
      'a default with `this`',
      {
        a: {
          type: String,
          default: function () {
            return 1;
          },
        },
      },
    ],
    [
      'a default in a method',
      {
        a: {
          type: String,
          default() {
            return 1;
          },
        },
      },
    ],
    ['a default of an array', { a: { type: [String], default: ['a'] } }],
    ['a default of another type', { a: { type: Buffer, default: 'a' } }],
    ['a default in a nested object', { a: { b: { type: String, default: 'a' } } }],
    ['a required path in a nested object', { a: { b: { type: String, required: true } } }],
    ['a required array', { a: { type: [String], required: true } }],
    ['a nested object that is stored empty', { a: { b: String } }, { minimize: false }],
    ["a validator of the user's", { a: { type: String, validate: none } }],
    ['no `_id`', { a: String }, { _id: false }],
    ['`createdAt` in a nested object', { a: String }, { timestamps: { createdAt: 'n.at' } }],
    ['a method called for each document', { a: String }, {}, (schema) => schema.queue('any', [])],
    ["pre('save')", {}, {}, (schema) => schema.pre('save', none as never)],
    ["post('save')", {}, {}, (schema) => schema.post('save', none)],
    ['discriminators', {}, {}, (schema) => schema.discriminator('B', new Schema({}))],
  ])('need one: %s', (...[, fields, options, change]) => {
    expect(callOf(modelOf(fields, options, change)).castScalars).toBeUndefined();
  });

  it.each<[string, Doc]>([
    ['an unknown path', { other: 1 }],
    ['an array', { list: ['a'] }],
    ['an object', { a: {} }],
    ['undefined', { a: undefined }],
    ['a function', { a: none }],
    ['a value that cannot be cast', { b: 'abc' }],
    ['a value that is not valid', { b: 0 }],
    ['a `null` for `_id`', { _id: null }],
  ])('does not apply to an input with %s', (_, fields) => {
    const model = modelOf({ a: String, b: { type: Number, min: 1 }, list: [String] });
    expect(callOf(model).castScalars?.({ key: 'k', ...fields })).toBeUndefined();
  });

  it.each<[string, (schema: Schema) => void]>([
    ...['setters', 'getters', 'validators', 'options', 'applySetters', 'doValidateSync'].map(
      (member): [string, (schema: Schema) => void] => [
        `${member} of paths`,
        (schema) => Object.assign(schema.path('a'), { [member]: undefined }),
      ],
    ),
    ['callQueue of schemas', (schema) => Object.assign(schema, { callQueue: undefined })],
    [
      'defaultValue of paths with a default',
      (schema) => Object.assign(schema.path('b'), { defaultValue: undefined }),
    ],
  ])('need one where this version of Mongoose has no %s', (_, remove) => {
    const model = modelOf({ a: String, b: { type: Number, default: 1 } });
    expect(callOf(model).castScalars).toBeDefined();
    remove(model.schema);
    expect(callOf(model).castScalars).toBeUndefined();
  });

  it('have the default of a path that is called as a method of objects', () => {
    const { castScalars } = callOf(modelOf({ valueOf: { type: Number, default: 1 } }));
    expect(castScalars?.({ key: 'k' })).toMatchObject({ key: 'k', valueOf: 1 });
  });

  it('need one with `timestamps: false`', () => {
    expect(callOf(modelOf({}), { timestamps: false }).castScalars).toBeUndefined();
  });
});

const HEX = '64b000000000000000000001';

/** Values of every type, right ones and wrong ones. */
const VALUES = [
  ...['', 'a', ' B ', '7', 'abc', HEX, '2020-01-01', 'true'],
  ...[0, 1, -0, 1.5, 2 ** 40, NaN, 5n, true, false, null, undefined],
  ...[
    new Date(1),
    new Date(NaN),
    new Types.ObjectId(HEX),
    [],
    ['a'],
    {},
    { a: 1 },
    Buffer.from('a'),
  ],
];

const types = ['String', 'Number', 'Boolean', 'Date', 'ObjectId'] as const;

const path = fc.constantFrom(...types).chain((type) =>
  fc
    .record(
      {
        default: {
          String: fc.constantFrom<unknown>(
            ' D ',
            null,
            () => 'made',
            () => undefined,
          ),
          Number: fc.constantFrom<unknown>(9, '9', () => 8, null),
          Boolean: fc.constantFrom<unknown>(true, 'false'),
          Date: fc.constantFrom<unknown>(new Date(9), () => new Date(8)),
          ObjectId: fc.constantFrom<unknown>(HEX, () => new Types.ObjectId(HEX)),
        }[type],
        required: fc.constant(true),
        immutable: fc.constant(true),
        select: fc.constant(false),
        ...(type === 'String' && {
          lowercase: fc.boolean(),
          uppercase: fc.constant(true),
          trim: fc.constant(true),
          enum: fc.constant(['a', 'b', 'D', 'made']),
          maxlength: fc.constant(2),
        }),
        ...(type === 'Number' && { min: fc.constant(1), max: fc.constant(8) }),
      },
      { requiredKeys: [] },
    )
    .map((options) => ({ type: Schema.Types[type], ...options })),
);

const other = fc.constantFrom<unknown>(
  ...[
    [String],
    [new Schema({ name: String }, { _id: false })],
    { type: Map, of: String },
    { below: String },
    {},
    Buffer,
  ],
);

const schemaOptions = fc.record(
  {
    timestamps: fc.constantFrom<SchemaOptions['timestamps']>(
      ...[true, { createdAt: 'a' }, { updatedAt: 'b' }, { createdAt: false }],
      { currentTime: () => 5 as never },
    ),
    versionKey: fc.constantFrom<false | string>(false, 'rev', 'a'),
    minimize: fc.boolean(),
    strict: fc.constantFrom<boolean | 'throw'>(true, false, 'throw'),
  },
  { requiredKeys: [] },
);

const RIGHT: Record<string, unknown[]> = {
  String: ['a', ' B ', 7],
  Number: [1, '7', 1.5],
  Boolean: [true, 'false', 0],
  Date: [new Date(1), '2020-01-01', 5],
  ObjectId: [HEX, new Types.ObjectId(HEX)],
  key: ['k', 'k', 5],
  __v: [3],
};

/** Given or not, and mostly of the right type. */
const given = (type: string | undefined, weight: number) => {
  const any = fc.constantFrom<unknown>(...VALUES);
  const right = RIGHT[type ?? ''] ?? VALUES;
  return fc.oneof(
    { weight, arbitrary: fc.constantFrom<unknown>(...right).map((value) => ({ value })) },
    { weight: 1, arbitrary: any.map((value) => ({ value })) },
    { weight: 20 - weight, arbitrary: fc.constant(undefined) },
  );
};

type Fields = Partial<Record<'a' | 'b' | 'c' | 'list', unknown>>;

const inputFor = (fields: Fields): fc.Arbitrary<Doc> => {
  const ofPath = (name: 'a' | 'b' | 'c') =>
    given((fields[name] as { type: { schemaName: string } } | undefined)?.type.schemaName, 14);
  return fc
    .record({
      ...{ key: given('key', 19), a: ofPath('a'), b: ofPath('b'), c: ofPath('c') },
      ...{ _id: given('ObjectId', 2), createdAt: given('Date', 2), updatedAt: given('Date', 2) },
      ...{ list: given(undefined, 1), __v: given('__v', 1), unknown: given(undefined, 0) },
      id: given(undefined, 0),
    })
    .map((all) =>
      Object.fromEntries(
        Object.entries(all).flatMap(([name, one]) => (one ? [[name, one.value]] : [])),
      ),
    );
};

const anyCase = fc
  .record({ a: path, b: path, c: path, list: other }, { requiredKeys: [] })
  .chain((fields) =>
    fc.tuple(
      fc.constant(fields as Fields),
      schemaOptions,
      fc.array(inputFor(fields), { minLength: 3, maxLength: 3 }),
    ),
  );

it('prepares what a document prepares, for any scalar paths and inputs', async () => {
  let short = 0;
  let all = 0;
  const property = fc.asyncProperty(anyCase, async ([fields, options, inputs]) => {
    const model = modelOf(fields, options);
    const { castScalars } = callOf(model);
    for (const one of inputs) {
      all += 1;
      if (castScalars?.(one)) short += 1;
      expect(await prepared(model, one, false)).toBe(await prepared(model, one, true));
    }
  });
  await fc.assert(property, { seed: 1, numRuns: Number(process.env['FUZZ_RUNS'] ?? 25) * 10 });

  expect(short / all).toBeGreaterThan(0.1);
});
