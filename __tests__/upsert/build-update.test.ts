/** What an upsert plans and sends, without a database; other tests run it on a server. */
import { Mongoose, Schema } from 'mongoose';
import { planWrite, type UpsertWrite } from '../../lib/upsert/prepare/plan-write';
import type { Operators } from '../../lib/upsert/prepare/paths-and-values';
import { buildUpdate } from '../../lib/upsert/send/build-update';
import { toPipeline } from '../../lib/upsert/send/to-pipeline';
import type { ConflictRule } from '../../lib/upsert/on-conflict';
import type { AnyModel } from '../../lib/mongoose-internals';

type Doc = Record<string, unknown>;
type Update = UpsertWrite & { kind: 'update' };

const IS_INSERT = { isInsert: true };
const TIME = new Date(5);
const update = (more: Partial<Update> = {}): Update => ({
  kind: 'update',
  inserted: { key: 'a', n: 1 },
  lockedPaths: ['key', 'n'],
  onUpdate: { $set: { n: 1 } },
  onChange: { times: {} },
  timesBelow: [],
  usesOperators: false,
  isInsert: IS_INSERT,
  form: 'operators',
  ...more,
});

describe('an update with operators', () => {
  const TIMES = { onChange: { times: { updatedAt: TIME } } };
  const VERSION = { onChange: { times: {}, version: '__v' } };
  const REST = { $setOnInsert: { key: 'a' } };
  it.each<[string, Update, Operators, Operators]>([
    ['the planned one, completed for an insert', update(), {}, { $set: { n: 1 }, ...REST }],
    [
      'with what the query adds',
      update(),
      { $set: { m: 2 }, $inc: { c: 1 } },
      { $set: { m: 2, n: 1 }, $inc: { c: 1 }, ...REST },
    ],
    [
      'without what the query sets on a path of the input',
      update(),
      { $set: { n: 2 } },
      { $set: { n: 1 }, ...REST },
    ],
    [
      'nor above it',
      update({ lockedPaths: ['n.x'] }),
      { $set: { n: 2 } },
      { $set: { n: 1 }, ...REST },
    ],
    [
      'nor below it',
      update(),
      { $set: { 'n.x': 2 }, $unset: { 'key.y': 1 } },
      { $set: { n: 1 }, ...REST },
    ],
    [
      'nor on a path of the update',
      update({ lockedPaths: [], onUpdate: { $unset: { u: 1 } }, inserted: {} }),
      { $set: { u: 2 } },
      { $unset: { u: 1 } },
    ],
    ['with the times', update(TIMES), {}, { $set: { n: 1, updatedAt: TIME }, ...REST }],
    [
      'with the times, not those of the query',
      update(TIMES),
      { $set: { updatedAt: 1 } },
      { $set: { n: 1, updatedAt: TIME }, ...REST },
    ],
    [
      'with the version',
      update(VERSION),
      { $inc: { c: 1 } },
      { $set: { n: 1 }, $inc: { c: 1, __v: 1 }, ...REST },
    ],
    [
      'with the version, not that of the query',
      update(VERSION),
      { $inc: { __v: 5 } },
      { $set: { n: 1 }, $inc: { __v: 1 }, ...REST },
    ],
    [
      'with the version, which the query cannot set',
      update(VERSION),
      { $set: { __v: 5 } },
      { $set: { n: 1 }, $inc: { __v: 1 }, ...REST },
    ],
    [
      'with the times, which the query cannot write',
      update({ onChange: { ...TIMES.onChange, version: '__v' } }),
      { $currentDate: { updatedAt: 1 } },
      { $set: { n: 1, updatedAt: TIME }, $inc: { __v: 1 }, ...REST },
    ],
    [
      'for times that no one compares',
      update({ ...TIMES, form: 'either' }),
      {},
      { $set: { n: 1, updatedAt: TIME }, ...REST },
    ],
    [
      'where a pipeline cannot express it',
      update({ form: 'pipeline' }),
      { $inc: { c: 1 } },
      { $set: { n: 1 }, $inc: { c: 1 }, ...REST },
    ],
  ])('is %s', (_, write, byQuery, sent) => {
    expect(buildUpdate(write, byQuery, false)).toEqual(sent);
  });

  it('stays one where times are compared by the caller, else it is a pipeline', () => {
    const either = update({ ...TIMES, form: 'either' });
    expect(buildUpdate(either, {}, true)).toBeInstanceOf(Array);
    expect(buildUpdate(either, { $inc: { c: 1 } }, true)).not.toBeInstanceOf(Array);
    expect(buildUpdate(update({ form: 'pipeline' }), {}, false)).toBeInstanceOf(Array);
    expect(buildUpdate(update(), {}, true)).not.toBeInstanceOf(Array);
  });

  it('as a pipeline inserts what the query adds', () => {
    const write = update({ form: 'pipeline' });
    const byQuery = { $set: { m: 2, n: 5 }, $setOnInsert: { m: 3, 'o.p': 4 } };
    const [first] = buildUpdate(write, byQuery, true) as Doc[];
    expect(first).toEqual({
      $set: {
        uniqueGuardInserted: { $literal: { key: 'a', n: 1, m: 2, o: { p: 4 } } },
        uniqueGuardIsNew: IS_INSERT,
      },
    });
  });

  it('is refused if the query made it a pipeline', () => {
    const build = () => buildUpdate(update(), [{ $set: { a: 1 } }], true);
    expect(build).toThrow(TypeError);
    expect(build).toThrow('middleware made the update a pipeline');
  });
});

describe('with skip', () => {
  const skip: UpsertWrite = { kind: 'skip', inserted: { key: 'a', n: 1 }, lockedPaths: ['key'] };
  it.each<[Operators, Operators]>([
    [{}, { $setOnInsert: { key: 'a', n: 1 } }],
    [{ $set: { m: 2, key: 'b' } }, { $setOnInsert: { key: 'a', n: 1, m: 2 } }],
    [{ $setOnInsert: { n: 5 } }, { $setOnInsert: { key: 'a', n: 5 } }],
    [{ $set: { n: 6 }, $setOnInsert: { n: 5 }, $inc: {} }, { $setOnInsert: { key: 'a', n: 6 } }],
  ])('what the query adds, %j, is inserted', (byQuery, sent) => {
    expect(buildUpdate(skip, byQuery, true)).toEqual(sent);
  });

  it.each(['$inc', '$unset'])('%s of the query is refused', (operator) => {
    const build = () => buildUpdate(skip, { $set: { a: 1 }, [operator]: { m: 1 } }, true);
    expect(build).toThrow(TypeError);
    expect(build).toThrow(`added "${operator}", which is not allowed with onConflict: "skip"`);
  });
});

describe('with replace', () => {
  const replace = (more: Doc = {}): UpsertWrite => ({
    kind: 'replace',
    inserted: { key: 'a', n: 1 },
    existing: { key: 'a', n: 2 },
    lockedPaths: ['key'],
    kept: ['_id', 'n'],
    isNested: (path: string) => path === 'o',
    isInsert: IS_INSERT,
    onChange: { times: {} },
    ...more,
  });
  const kept = (path: string, otherwise: string) => ({
    $cond: [{ $eq: [{ $type: `$${path}` }, 'missing'] }, otherwise, `$${path}`],
  });
  interface Let<Vars, In> {
    $let: { vars: Vars; in: In };
  }
  interface Cond<Otherwise> {
    $cond: [condition: object, value: unknown, otherwise: Otherwise];
  }
  type Next = Let<{ next: Sent['untouched'] }, Cond<Sent['changed']>>;
  type Existing = Let<{ replacement: Doc }, Next>;
  interface Sent {
    created: Doc;
    forInsert: Doc;
    replacement: Doc;
    untouched: { $mergeObjects: [string, Doc] };
    changed: { $mergeObjects: [string, Doc] };
  }
  /** `integers` are the paths whose stored type is compared, too. */
  function sentFor(write: UpsertWrite, byQuery: Operators = {}, integers: string[] = []): Sent {
    const [stage] = buildUpdate(write, byQuery, true) as [
      { $replaceWith: Let<Doc, Cond<Existing>> },
    ];
    const { vars, in: value } = stage.$replaceWith.$let;
    const [isInsert, forInsert, forExisting] = value.$cond;
    expect(isInsert).toBe(IS_INSERT);
    const { vars: existing, in: next } = forExisting.$let;
    const [isEqual, same, changed] = next.$let.in.$cond;
    const isSame = { $setEquals: [{ $objectToArray: '$$next' }, { $objectToArray: '$$ROOT' }] };
    const types = integers.map((path) => ({ $eq: [{ $type: `$${path}` }, 'int'] }));
    expect(isEqual).toEqual({ $cond: [isSame, { $and: types }, false] });
    expect(same).toBe('$$next');
    return {
      created: (vars['created'] as { $literal: Doc }).$literal,
      forInsert: forInsert as Doc,
      replacement: existing.replacement,
      untouched: next.$let.vars.next,
      changed,
    };
  }

  it('a new document is the input, one that exists keeps what is kept', () => {
    const sent = sentFor(replace());
    expect(sent.created).toEqual({ key: 'a', n: 1 });
    expect(sent.replacement).toEqual({ key: '$$created.key', n: { $literal: 2 } });
    expect(sent.forInsert).toEqual({
      $mergeObjects: ['$$created', { _id: kept('_id', '$$REMOVE'), n: kept('n', '$$created.n') }],
    });
    expect(sent.untouched).toEqual({
      $mergeObjects: [
        '$$replacement',
        { _id: kept('_id', '$$REMOVE'), n: kept('n', '$$replacement.n') },
      ],
    });
    expect(sent.changed).toEqual({ $mergeObjects: ['$$next', {}] });
  });

  it('times and version are those that are stored, unless another value changes', () => {
    const onChange = { times: { updatedAt: TIME }, version: '__v' };
    const sent = sentFor(replace({ kept: [], onChange }), {}, ['n']);
    expect(sent.untouched).toEqual({
      $mergeObjects: ['$$replacement', { updatedAt: kept('updatedAt', '$$REMOVE') }],
    });
    expect(sent.forInsert).toEqual({ $mergeObjects: ['$$created', {}] });
    const raised = { $add: [{ $ifNull: ['$__v', 0] }, 1] };
    expect(sent.changed).toEqual({
      $mergeObjects: ['$$next', { updatedAt: { $literal: TIME }, __v: raised }],
    });
  });

  it('what the query sets is in both, what it sets on insert only in a new one', () => {
    const sent = sentFor(replace(), { $set: { m: 3, key: 'b' }, $setOnInsert: { i: 4 } }, ['m']);
    expect(sent.created).toEqual({ key: 'a', n: 1, m: 3, i: 4 });
    expect(sent.replacement).toEqual({
      key: '$$created.key',
      n: { $literal: 2 },
      m: '$$created.m',
    });
  });

  it.each<[Doc, string[]?]>([
    [{ 'a.b': 1 }],
    [{ 'a.b': 1, c: 2 }, ['c']],
    [{ $a: 1 }],
    [{ '': 1 }],
  ])('names that no expression has are sent as they are: %j', (existing, integers = []) => {
    const { replacement } = sentFor(replace({ existing }), {}, integers);
    expect(replacement).toEqual({ $literal: existing });
  });

  it('kept paths are kept inside objects', () => {
    const nested = (own: string, at: string, fields: string[], names: Doc) => ({
      $mergeObjects: [
        own,
        Object.fromEntries(
          fields.map((name) => [name, names[name] ?? kept(`${at}.${name}`, `${own}.${name}`)]),
        ),
      ],
    });
    const inserted = { o: { x: 1 }, s: { x: 1 } };
    const write = replace({ inserted, existing: inserted, kept: ['o.x', 's.x', 'o.y'] });
    expect(sentFor(write).forInsert).toEqual({
      $mergeObjects: [
        '$$created',
        {
          o: nested('$$created.o', 'o', ['x', 'y'], { y: kept('o.y', '$$REMOVE') }),
          s: nested('$$created.s', 's', ['x'], {}),
        },
      ],
    });
    const without = sentFor(
      replace({ inserted: {}, existing: {}, kept: ['o.x', 's.x'] }),
    ).forInsert;
    expect(without).toEqual({
      $mergeObjects: [
        '$$created',
        {
          // A nested object exists only because of its paths; a subdocument is removed.
          o: {
            $let: {
              vars: { object: { $mergeObjects: ['$$created.o', { x: kept('o.x', '$$REMOVE') }] } },
              in: { $cond: [{ $eq: ['$$object', {}] }, '$$REMOVE', '$$object'] },
            },
          },
        },
      ],
    });
    const other = sentFor(replace({ inserted: { o: 1 }, existing: { o: 1 }, kept: ['o.x'] }), {}, [
      'o',
    ]).forInsert;
    expect(other).toEqual({ $mergeObjects: ['$$created', {}] });
    const whole = sentFor(
      replace({ inserted: { o: { x: 1 } }, existing: {}, kept: ['o', 'o.x'] }),
    ).forInsert;
    expect(whole).toEqual({ $mergeObjects: ['$$created', { o: kept('o', '$$created.o') }] });
  });

  it('an operator of the query is refused', () => {
    expect(() => buildUpdate(replace(), { $inc: { m: 1 } }, true)).toThrow('onConflict: "replace"');
  });
});

describe('a pipeline', () => {
  const stored = (path: string) => ({ $ifNull: [`$${path}`, []] });
  const literal = (value: unknown) => ({ $literal: value });
  const END = [
    { $replaceWith: { $cond: ['$uniqueGuardIsNew', '$uniqueGuardInserted', '$$ROOT'] } },
    { $unset: ['uniqueGuardInserted', 'uniqueGuardIsNew'] },
  ];
  const begin = (inserted: Doc) => ({
    $set: { uniqueGuardInserted: literal(inserted), uniqueGuardIsNew: IS_INSERT },
  });

  it('sets, and sends once what is inserted, too', () => {
    const operators = { $set: { a: 'x', b: 'y' } };
    expect(toPipeline(operators, update(), { a: 'x', b: 'z' })).toEqual([
      begin({ a: 'x', b: 'z' }),
      { $set: { a: '$uniqueGuardInserted.a', b: literal('y') } },
      ...END,
    ]);
  });

  it('unsets', () => {
    expect(toPipeline({ $unset: { a: 1, b: 1 } }, update(), {})).toEqual([
      begin({}),
      { $unset: ['a', 'b'] },
      ...END,
    ]);
  });

  it('adds to arrays', () => {
    const operators = { $push: { a: { $each: [1] } }, $addToSet: { b: { $each: [2] } } };
    const isMissing = { $not: [{ $in: ['$$this', stored('b')] }] };
    const added = { $filter: { input: literal([2]), cond: isMissing } };
    expect(toPipeline(operators, update(), {})).toEqual([
      begin({}),
      {
        $set: {
          a: { $concatArrays: [stored('a'), literal([1])] },
          b: { $concatArrays: [stored('b'), added] },
        },
      },
      ...END,
    ]);
  });

  it('changes times and the version only with another value', () => {
    const onChange = { times: { updatedAt: TIME }, version: '__v' };
    const operators = {
      $set: { a: 'x' },
      $unset: { u: 1 },
      $push: { p: { $each: [1] } },
      $addToSet: { s: { $each: [2] } },
    };
    const changes = {
      $or: [
        { $not: [{ $eq: ['$a', literal('x')] }] },
        { $ne: [{ $type: '$u' }, 'missing'] },
        true,
        { $not: [{ $setIsSubset: [literal([2]), stored('s')] }] },
      ],
    };
    const [, values, unset] = toPipeline(operators, update({ onChange }), {});
    expect(values).toMatchObject({
      $set: {
        updatedAt: { $cond: [changes, literal(TIME), '$updatedAt'] },
        __v: { $cond: [changes, { $add: [{ $ifNull: ['$__v', 0] }, 1] }, '$__v'] },
      },
    });
    expect(unset).toEqual({ $unset: ['u'] });
  });
});

describe('the plan of a write', () => {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const definition = {
    key: String,
    n: Number,
    fixed: { type: String, immutable: true },
    o: { a: String, fixed: { type: String, immutable: true }, meta: {} },
    list: [String],
    meta: {},
  };
  const plain = mongoose.model('Plain', new Schema(definition)) as unknown as AnyModel;
  const timed = mongoose.model(
    'Timed',
    new Schema(definition, { timestamps: true }),
  ) as unknown as AnyModel;
  const guarded = mongoose.model(
    'Guarded',
    new Schema(definition, { optimisticConcurrency: true }),
  ) as unknown as AnyModel;
  const whole = mongoose.model(
    'Whole',
    new Schema(definition, { minimize: false }),
  ) as unknown as AnyModel;

  interface Given {
    model?: AnyModel;
    rule?: ConflictRule;
    document?: Doc;
    existing?: Doc;
    paths?: string[];
    additions?: [string, { operator: '$push' | '$addToSet'; elements: unknown[] }][];
    key?: Doc;
    updatedAt?: string;
  }
  function planOf(given: Given): Update & Doc {
    const {
      model = plain,
      rule = { kind: 'update' },
      document = { key: 'a', n: 1 },
      key = { key: 'a' },
    } = given;
    const paths = given.paths ?? Object.keys(document);
    const onInsert = { document, paths, additions: new Map(given.additions), times: new Map() };
    const { existing } = given;
    const onUpdate = existing === undefined ? onInsert : { ...onInsert, document: existing };
    const target = { document, key, filter: { ...key, __t: 'x' } };
    const { updatedAt } = given;
    const times = updatedAt === undefined ? {} : { updatedAt };
    return planWrite(
      model,
      rule,
      target as never,
      onInsert as never,
      onUpdate as never,
      times,
    ) as never;
  }
  const TIMED = { model: timed, updatedAt: 'updatedAt' };
  const DATED = { key: 'a', n: 1, updatedAt: TIME };

  it.each<[string, Given, Operators, string, Doc]>([
    ['values', {}, { $set: { key: 'a', n: 1 } }, 'operators', { times: {} }],
    [
      'values and times',
      { ...TIMED, document: DATED },
      { $set: { key: 'a', n: 1 } },
      'either',
      { times: { updatedAt: TIME } },
    ],
    [
      'values without the time that is left',
      { ...TIMED, document: DATED, rule: { kind: 'except', paths: ['updatedAt'] } },
      { $set: { key: 'a', n: 1 } },
      'operators',
      { times: {} },
    ],
    [
      'values without others',
      { ...TIMED, document: DATED, rule: { kind: 'except', paths: ['n'] } },
      { $set: { key: 'a' } },
      'either',
      { times: { updatedAt: TIME } },
    ],
    [
      'only some',
      { rule: { kind: 'only', paths: ['n'] } },
      { $set: { n: 1 } },
      'operators',
      { times: {} },
    ],
    [
      'only one in an object',
      { document: { o: { a: 'x', meta: 1 } }, rule: { kind: 'only', paths: ['o.a'] } },
      { $set: { 'o.a': 'x' } },
      'pipeline',
      { times: {} },
    ],
    [
      'only one in an object and another',
      { document: { o: { a: 'x', meta: 1 }, n: 1 }, rule: { kind: 'only', paths: ['o.a', 'n'] } },
      { $set: { 'o.a': 'x', n: 1 } },
      'pipeline',
      { times: {} },
    ],
    [
      'nothing of a value above the only path',
      { document: { meta: 5 }, rule: { kind: 'only', paths: ['meta.x'] } },
      {},
      'operators',
      { times: {} },
    ],
    [
      'nothing of a value above the path that is left',
      { document: { meta: 5 }, rule: { kind: 'except', paths: ['meta.x'] } },
      {},
      'operators',
      { times: {} },
    ],
    [
      'only an object, without what is immutable',
      { document: { o: { a: 'x', fixed: 'y' } }, rule: { kind: 'only', paths: ['o'] } },
      { $set: { 'o.a': 'x' }, $unset: { 'o.meta': 1 } },
      'pipeline',
      { times: {} },
    ],
    [
      'all except one in an object',
      { document: { o: { a: 'x', meta: 1 } }, rule: { kind: 'except', paths: ['o.a'] } },
      { $set: { 'o.meta': 1 } },
      'pipeline',
      { times: {} },
    ],
    [
      'all except what is below a path',
      { document: { meta: { x: 1 } }, rule: { kind: 'except', paths: ['meta'] } },
      {},
      'operators',
      { times: {} },
    ],
    [
      'nothing that is immutable',
      { document: { fixed: 'x', n: 1 } },
      { $set: { n: 1 } },
      'operators',
      { times: {} },
    ],
    [
      'a missing value',
      { document: { key: 'a' }, paths: ['n'] },
      { $unset: { n: 1 } },
      'operators',
      { times: {} },
    ],
    [
      'an empty object',
      { document: { meta: {}, n: 1 } },
      { $set: { n: 1 }, $unset: { meta: 1 } },
      'pipeline',
      { times: {} },
    ],
    [
      'an object with an empty one',
      { document: { meta: { x: {}, y: 1 } } },
      { $set: { meta: { y: 1 } } },
      'pipeline',
      { times: {} },
    ],
    [
      'an empty object with minimize: false',
      { model: whole, document: { meta: {} } },
      { $set: { meta: {} } },
      'operators',
      { times: {} },
    ],
    [
      'an array',
      { document: { list: ['x'] } },
      { $set: { list: ['x'] } },
      'pipeline',
      { times: {}, version: '__v' },
    ],
    [
      'any value with optimisticConcurrency',
      { model: guarded, document: { n: 1 } },
      { $set: { n: 1 } },
      'pipeline',
      { times: {}, version: '__v' },
    ],
    [
      'another value than is inserted',
      { existing: { key: 'a', n: 2 } },
      { $set: { key: 'a', n: 2 } },
      'pipeline',
      { times: {} },
    ],
    [
      'the same values as are inserted',
      { existing: { key: 'a', n: 1 } },
      { $set: { key: 'a', n: 1 } },
      'operators',
      { times: {} },
    ],
    [
      'no value where one is inserted',
      { existing: { key: 'a' } },
      { $set: { key: 'a' }, $unset: { n: 1 } },
      'pipeline',
      { times: {} },
    ],
    [
      'an update with operators',
      { ...TIMED, document: DATED, rule: { kind: 'operators', operators: { $inc: { n: 1 } } } },
      {},
      'operators',
      { times: { updatedAt: TIME } },
    ],
  ])('%s', (_, given, onUpdate, form, onChange) => {
    expect(planOf(given)).toMatchObject({ kind: 'update', form });
    expect(planOf(given).onUpdate).toEqual(onUpdate);
    expect(planOf(given).onChange).toStrictEqual(onChange);
  });

  it.each(['$push', '$addToSet'] as const)(
    'elements by %s are sent as such where all of the array is new',
    (operator) => {
      const skipping =
        mongoose.models['Skipping'] ??
        mongoose.model('Skipping', new Schema(definition, { versionKey: false }));
      const plan = (elements: string[]) =>
        planOf({
          model: skipping as unknown as AnyModel,
          document: { list: ['x', 'y'] },
          additions: [['list', { operator, elements }]],
        });
      expect(plan(['x', 'y'])).toMatchObject({
        onUpdate: { [operator]: { list: { $each: ['x', 'y'] } } },
        form: 'operators',
      });
      expect(plan(['y'])).toMatchObject({
        onUpdate: { [operator]: { list: { $each: ['y'] } } },
        form: 'pipeline',
      });
    },
  );

  it('an update with operators locks no path, any other those of the input', () => {
    expect(planOf({}).lockedPaths).toEqual(['key', 'n']);
    expect(planOf({})).toHaveProperty('usesOperators', false);
    const operators = planOf({ rule: { kind: 'operators', operators: {} } });
    expect(operators).toMatchObject({ lockedPaths: [], usesOperators: true });
  });

  it('skip inserts the document', () => {
    const document = { key: 'a', n: 1 };
    expect(planOf({ rule: { kind: 'skip' } })).toEqual({
      kind: 'skip',
      inserted: document,
      lockedPaths: ['key', 'n'],
    });
  });

  it('an upsert inserts where there is no _id, or, with that as target, nothing but the filter', () => {
    expect(planOf({}).isInsert).toEqual({ $eq: [{ $type: '$_id' }, 'missing'] });
    const byId = { $lte: [{ $size: { $objectToArray: '$$ROOT' } }, 2] };
    expect(planOf({ key: { _id: 5 } }).isInsert).toEqual(byId);
    expect(planOf({ key: { _id: 5 }, rule: { kind: 'replace' } }).isInsert).toEqual(byId);
  });

  describe('replace', () => {
    const REPLACE = { rule: { kind: 'replace' } } as const;
    it('keeps what never changes', () => {
      const plan = planOf({ ...REPLACE, ...TIMED, document: DATED });
      expect(plan).toMatchObject({
        kind: 'replace',
        inserted: DATED,
        lockedPaths: Object.keys(DATED),
        onChange: { times: { updatedAt: TIME } },
      });
      expect(plan['existing']).toBe(plan.inserted);
      const fixed = planOf({ ...REPLACE, document: { fixed: 'x' } });
      expect(fixed['existing']).toBe(fixed.inserted);
      expect(plan['kept']).toEqual(
        expect.arrayContaining(['_id', '__v', 'createdAt', 'fixed', 'o.fixed']),
      );
      const isNested = plan['isNested'] as (path: string) => boolean;
      expect([isNested('o'), isNested('n')]).toEqual([true, false]);
      expect(planOf({ ...REPLACE, document: { list: [] } }).onChange).toEqual({
        times: {},
        version: '__v',
      });
    });

    it('gives an existing document the kept values of the input, in objects that it has', () => {
      const document = { key: 'a', fixed: 'x', o: { fixed: 'y' } };
      const existing = (of: Doc) => planOf({ ...REPLACE, document, existing: of })['existing'];
      expect(existing({ key: 'b', o: { a: 'z' } })).toStrictEqual({
        key: 'b',
        fixed: 'x',
        o: { a: 'z', fixed: 'y' },
      });
      expect(existing({ key: 'b' })).toStrictEqual({ key: 'b', fixed: 'x' });
      expect(existing({ o: 5 })).toEqual({ o: 5, fixed: 'x' });
    });
  });
});
