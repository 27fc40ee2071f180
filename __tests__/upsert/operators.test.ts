/** How an upsert's update is built from paths and values, without a database. */
import { mongo, Mongoose, Schema } from 'mongoose';
import {
  checkConflictRule,
  checkTargetStays,
  findConflictRule,
} from '../../lib/upsert/on-conflict';
import { findRaisedVersion } from '../../lib/upsert/prepare/find-raised-version';
import { minimize } from '../../lib/upsert/prepare/minimize';
import {
  isPlainObject,
  outermost,
  splitAtDot,
  toWritablePath,
  valueAt,
  withoutEmpty,
  withValueAt,
  type Operators,
} from '../../lib/upsert/prepare/paths-and-values';
import { toOperators, type UpsertSource } from '../../lib/upsert/prepare/to-operators';
import { removeCopiedFilter } from '../../lib/upsert/send/remove-copied-filter';
import { setRestOnInsert } from '../../lib/upsert/send/set-rest-on-insert';
import { toStoredValueCheck } from '../../lib/upsert/send/stored-value-check';
import { isExpressible } from '../../lib/upsert/send/to-pipeline';
import type { AnyModel, AnySchema } from '../../lib/mongoose-internals';

type Doc = Record<string, unknown>;

class Custom {
  a = 1;
}

describe('paths and values', () => {
  it.each<[Operators, Operators]>([
    [{}, {}],
    [{ $set: {} }, {}],
    [{ $set: { a: 1 }, $unset: {} }, { $set: { a: 1 } }],
    [{ $set: undefined } as never, {}],
  ])('%j without empty operators is %j', (update, left) => {
    expect(withoutEmpty(update)).toStrictEqual(left);
  });

  const document = { a: { b: [{ c: 1 }], d: 1, m: new Map([['k', 1]]) }, list: [1] };
  it.each([
    ['a', 'a'],
    ['a.d', 'a.d'],
    ['a.b', 'a.b'],
    ['a.b.0.c', 'a.b'],
    ['list.0', 'list'],
    ['other.x', 'other.x'],
  ])('%s is written as %s', (path, written) => {
    expect(toWritablePath(document, path)).toBe(written);
  });

  it.each<[string, unknown]>([
    ['list', document.list],
    ['a.d', 1],
    ['a.b.0.c', 1],
    ['a.m.k', 1],
    ['a.m.z', undefined],
    ['a.d.x', undefined],
    ['a.toString', undefined],
    ['toString', undefined],
    ['z.y', undefined],
  ])('the value at %s is %p', (path, value) => {
    expect(valueAt(document, path)).toBe(value);
  });

  it('there is no value in null or a string', () => {
    expect(valueAt(null, 'a')).toBeUndefined();
    expect(valueAt('text', 'length')).toBeUndefined();
  });

  it.each<[string[], string[]]>([
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [['a.b', 'a'], ['a']],
    [
      ['a.b.c', 'a.b', 'ab'],
      ['a.b', 'ab'],
    ],
    [['a', 'a'], ['a']],
    [[], []],
  ])('of %j the outermost are %j', (paths, left) => {
    expect(outermost(paths)).toEqual(left);
  });

  it.each<[Doc, string, Doc]>([
    [{}, 'a', { a: 5 }],
    [{ a: 1, b: 2 }, 'a', { a: 5, b: 2 }],
    [{ a: { b: 1, c: 2 } }, 'a.b', { a: { b: 5, c: 2 } }],
    [{}, 'a.b.c', { a: { b: { c: 5 } } }],
    [{ a: 1 }, 'a.b', { a: { b: 5 } }],
    [{ a: [1] }, 'a.b', { a: { b: 5 } }],
  ])('%j with 5 at %s is %j', (before, path, after) => {
    const copy = structuredClone(before);
    expect(withValueAt(before, path, 5)).toEqual(after);
    expect(before).toEqual(copy);
  });

  it.each<[string, string[]]>([
    ['a', ['a']],
    ['a.b', ['a', 'b']],
    ['a.b.c', ['a', 'b.c']],
    ['.a', ['', 'a']],
  ])('%s begins with %j', (path, parts) => {
    expect(splitAtDot(path)).toEqual(parts);
  });

  it.each<[unknown, boolean]>([
    [{}, true],
    [Object.create(null), true],
    [[], false],
    [new Map(), false],
    [new Custom(), false],
    [null, false],
    ['a', false],
    [undefined, false],
  ])('%p is a plain object: %p', (value, expected) => {
    expect(isPlainObject(value)).toBe(expected);
  });
});

describe('minimize', () => {
  const date = new Date(0);
  it.each<[Operators, Operators]>([
    [{ $set: { a: {} } }, { $unset: { a: 1 } }],
    [
      { $set: { a: {}, b: 1 }, $unset: { c: 1 } },
      { $set: { b: 1 }, $unset: { c: 1, a: 1 } },
    ],
    [{ $set: { a: { b: {} } } }, { $unset: { a: 1 } }],
    [{ $set: { a: { b: {}, c: 1 } } }, { $set: { a: { c: 1 } } }],
    [{ $set: { a: { b: { c: {}, d: 1 }, e: 1 } } }, { $set: { a: { b: { d: 1 }, e: 1 } } }],
    [{ $set: { a: { b: { c: {}, d: 1 } } } }, { $set: { a: { b: { d: 1 } } } }],
    [
      { $set: { a: {}, d: date }, $push: { l: 1 } },
      { $set: { d: date }, $unset: { a: 1 }, $push: { l: 1 } },
    ],
    [{ $set: { a: { b: undefined } } }, { $unset: { a: 1 } }],
    [{ $set: { a: {}, l: [{}] } }, { $set: { l: [{}] }, $unset: { a: 1 } }],
  ])('of %j is %j', (operators, minimized) => {
    expect(minimize(operators)).toStrictEqual(minimized);
  });

  it.each<[Operators]>([
    [{}],
    [{ $set: { a: 1, l: [], d: date } }],
    [{ $set: { a: { b: 1 } } }],
    [{ $set: { a: [{}] } }],
    [{ $unset: { a: 1 } }],
  ])('of %j, where nothing is empty, is the same object', (operators) => {
    expect(minimize(operators)).toBe(operators);
  });
});

describe('the operators for paths of a document', () => {
  const BELOW: Record<string, string[]> = {
    n: ['n.a', 'n.b'],
    'n.a': [],
    s: ['s.c', 's.in'],
    's.in': ['s.in.d'],
    g: ['g.h'],
  };
  const source = (
    document: Doc,
    paths: string[],
    more: Partial<UpsertSource> & { kept?: string[]; parents?: string[] } = {},
  ): UpsertSource => ({
    document,
    paths,
    additions: new Map(),
    isKept: (path, isWhole) =>
      (more.kept ?? []).includes(path) || (isWhole && (more.parents ?? []).includes(path)),
    pathsBelow: (path) => BELOW[path] ?? [],
    isNested: (path) => path === 'n' || path === 'g',
    ...more,
  });

  it.each<[string, UpsertSource, Operators]>([
    ['nothing', source({}, []), {}],
    ['a value', source({ a: 1, b: 2 }, ['a']), { $set: { a: 1 } }],
    ['a missing value', source({}, ['a']), { $unset: { a: 1 } }],
    ['null', source({ a: null }, ['a']), { $set: { a: null } }],
    ['a kept path', source({ a: 1 }, ['a'], { kept: ['a'] }), {}],
    [
      'a kept object, which is not looked into',
      source({ n: { a: 1 } }, ['n'], { kept: ['n'] }),
      {},
    ],
    ['an object', source({ n: { a: 1 } }, ['n']), { $set: { n: { a: 1 } } }],
    ['a missing nested object', source({}, ['n']), { $unset: { n: 1 } }],
    [
      'a missing nested object with a kept path',
      source({}, ['n'], { kept: ['n.a'] }),
      { $unset: { 'n.b': 1 } },
    ],
    [
      'an object with a kept path',
      source({ n: { a: 1, b: 2 } }, ['n'], { kept: ['n.a'] }),
      { $set: { 'n.b': 2 } },
    ],
    [
      'an object with a kept path and one of which the schema knows nothing',
      source({ n: { b: 2, z: 3 } }, ['n'], { kept: ['n.a'] }),
      { $set: { 'n.b': 2, 'n.z': 3 } },
    ],
    [
      'a path below a declared one',
      source({ s: { c: 1, in: { d: 2, e: 3 } } }, ['s'], { kept: ['s.in.d'] }),
      { $set: { 's.c': 1, 's.in.e': 3 } },
    ],
    [
      'a missing subdocument with a kept path',
      source({}, ['s'], { kept: ['s.c'] }),
      { $unset: { s: 1 } },
    ],
    ['a parent of a kept path', source({ n: { a: 1 } }, ['n'], { parents: ['n'] }), {}],
    [
      'such a parent with others',
      source({ n: { a: 1, b: 2 } }, ['n'], { kept: ['n.a'], parents: ['n'] }),
      { $set: { 'n.b': 2 } },
    ],
    [
      'a parent inside an object',
      source({ s: { c: 1, in: { d: 2 } } }, ['s'], { parents: ['s.in'] }),
      { $set: { 's.c': 1 } },
    ],
    [
      'elements that were added',
      source({ l: [1, 2] }, ['l'], {
        additions: new Map([['l', { operator: '$push', elements: [2] }]]),
      }),
      { $push: { l: { $each: [2] } } },
    ],
    [
      'elements that were added to a set',
      source({ l: [1, 2] }, ['l'], {
        additions: new Map([['l', { operator: '$addToSet', elements: [2] }]]),
      }),
      { $addToSet: { l: { $each: [2] } } },
    ],
    ['an array', source({ l: [{ a: 1 }] }, ['l'], { kept: ['l.a'] }), { $set: { l: [{ a: 1 }] } }],
  ])('%s', (_, from, operators) => {
    expect(toOperators(from)).toStrictEqual(operators);
  });
});

describe('the version is raised', () => {
  const raised = (options: object, operators: Operators, times: string[] = []) =>
    findRaisedVersion(new Schema({}, options as never) as unknown as AnySchema, operators, times);
  it.each<[object, Operators, string[], string | undefined]>([
    [{}, { $set: { a: 1 } }, [], undefined],
    [{}, { $set: { a: [1] } }, [], '__v'],
    [{}, { $push: { a: 1 } }, [], '__v'],
    [{}, { $addToSet: { a: 1 } }, [], '__v'],
    [{}, { $unset: { a: 1 } }, ['updatedAt'], undefined],
    [{ versionKey: 'v' }, { $push: { a: 1 } }, [], 'v'],
    [{ versionKey: false }, { $push: { a: 1 } }, [], undefined],
    [{ skipVersioning: { a: true } }, { $push: { a: 1 } }, [], undefined],
    [{ skipVersioning: { a: false } }, { $push: { a: 1 } }, [], '__v'],
    [{ skipVersioning: { a: true } }, { $push: { a: 1, b: 1 } }, [], '__v'],
    [{ optimisticConcurrency: false }, { $set: { a: 1 } }, [], undefined],
    [{ optimisticConcurrency: true }, { $set: { a: 1 } }, [], '__v'],
    [{ optimisticConcurrency: true }, {}, ['updatedAt'], '__v'],
    [{ optimisticConcurrency: true }, {}, [], undefined],
    [{ optimisticConcurrency: ['a.b'] }, { $set: { 'a.b': 1 } }, [], '__v'],
    [{ optimisticConcurrency: ['a.b'] }, { $set: { a: 1 } }, [], '__v'],
    [{ optimisticConcurrency: ['a'] }, { $unset: { 'a.b': 1 } }, [], '__v'],
    [{ optimisticConcurrency: ['a'] }, { $set: { b: 1 } }, ['updatedAt'], undefined],
    [{ optimisticConcurrency: ['a', 'updatedAt'] }, { $set: { b: 1 } }, ['updatedAt'], '__v'],
    [{ optimisticConcurrency: ['b'] }, { $push: { a: 1 } }, [], undefined],
    [{ optimisticConcurrency: { exclude: ['a', 'c'] } }, { $set: { 'a.x': 1 } }, [], undefined],
    [{ optimisticConcurrency: { exclude: ['a', 'c'] } }, { $set: { a: 1, b: 1 } }, [], '__v'],
    [{ optimisticConcurrency: { exclude: ['a.x'] } }, { $set: { a: 1 } }, [], '__v'],
  ])('with %j by %j and %j: %p', (options, operators, times, version) => {
    expect(raised(options, operators, times)).toBe(version);
  });
});

describe('what an insert needs beside the operators', () => {
  const map = new Map<string, unknown>([
    ['k', 1],
    ['l', 2],
  ]);
  it.each<[Operators, Doc, Operators]>([
    [{}, { a: 1 }, { $setOnInsert: { a: 1 } }],
    [{ $set: { a: 1 } }, { a: 1, b: 2 }, { $set: { a: 1 }, $setOnInsert: { b: 2 } }],
    [{ $set: { a: 1 } }, { a: 1 }, { $set: { a: 1 } }],
    [{ $setOnInsert: { a: 5 } }, { a: 1, b: undefined }, { $setOnInsert: { a: 5 } }],
    [
      { $set: { 'n.a': 1 } },
      { n: { a: 1, b: 2 } },
      { $set: { 'n.a': 1 }, $setOnInsert: { 'n.b': 2 } },
    ],
    [
      { $set: { 'n.o.a': 1 } },
      { n: { o: { a: 1, b: 2 }, p: 3 } },
      { $set: { 'n.o.a': 1 }, $setOnInsert: { 'n.o.b': 2, 'n.p': 3 } },
    ],
    [{ $set: { 'm.k': 1 } }, { m: map }, { $set: { 'm.k': 1 }, $setOnInsert: { 'm.l': 2 } }],
    [{ $unset: { n: 1 } }, { n: { a: 1 } }, { $unset: { n: 1 } }],
    [{ $set: { 'l.0': 1 } }, { l: [1, 2] }, { $set: { 'l.0': 1 } }],
    [{ $set: { a: 1 }, $inc: {} }, { a: 1 }, { $set: { a: 1 } }],
    [
      { $set: { nn: 1 } },
      { n: { a: 1 }, nn: 1 },
      { $set: { nn: 1 }, $setOnInsert: { n: { a: 1 } } },
    ],
  ])('%j and the document %j: %j', (operators, inserted, all) => {
    expect(setRestOnInsert(operators, inserted)).toStrictEqual(all);
  });
});

describe('conditions of the filter that Mongoose copied', () => {
  const condition = { $ne: true };
  const or = [{ a: 1 }];
  it.each<[unknown, object, unknown]>([
    [{ $setOnInsert: { a: 1, d: condition } }, { a: 1, d: condition }, { $setOnInsert: { a: 1 } }],
    [{ $setOnInsert: { $or: or } }, { $or: or }, { $setOnInsert: {} }],
    [{ $setOnInsert: { d: condition } }, { d: { $ne: true } }, { $setOnInsert: { d: condition } }],
    [{ $setOnInsert: { d: 1 } }, { d: 1 }, { $setOnInsert: { d: 1 } }],
    [{ $setOnInsert: { d: { a: 1 } } }, {}, { $setOnInsert: { d: { a: 1 } } }],
    [{ $set: { a: 1 } }, {}, { $set: { a: 1 }, $setOnInsert: {} }],
    ['text', {}, 'text'],
    [undefined, {}, undefined],
  ])('%j with the filter %j: %j', (update, filter, left) => {
    expect(removeCopiedFilter(update, filter)).toEqual(left);
  });

  it.each<[unknown, object]>([
    [{ n: 1 }, { n: 1 }],
    [{ a: 1, $gt: 1 }, {}],
  ])('a value %j counts as a condition if one of its names is an operator', (value, left) => {
    const update = { $setOnInsert: { d: value } };
    expect(removeCopiedFilter(update, { d: value })).toEqual({
      $setOnInsert: Object.keys(left).length === 0 ? {} : { d: value },
    });
  });

  it('a pipeline stays as it is', () => {
    const pipeline = Object.assign([{ $set: { a: 1 } }], { $setOnInsert: { $or: or } });
    expect(removeCopiedFilter(pipeline, { $or: or })).toBe(pipeline);
  });
});

describe('the expression that compares with the stored value', () => {
  const { Int32, Double, Long, Decimal128 } = mongo;
  const isType = (at: unknown, type: string) => ({ $eq: [{ $type: at }, type] });
  const hasText = (at: unknown, text: string) => ({ $eq: [{ $toString: at }, text] });
  const element = (index: number) => ({ $arrayElemAt: ['$p', index] });
  const field = (name: string) => ({ $let: { vars: { object: '$p' }, in: `$$object.${name}` } });

  it.each<[unknown, object[]]>([
    ['text', []],
    [null, []],
    [true, []],
    [new Date(0), []],
    [new Custom(), []],
    [[], []],
    [1, [isType('$p', 'int')]],
    [-1, [isType('$p', 'int')]],
    [0, [isType('$p', 'int')]],
    [-0, [isType('$p', 'double'), hasText('$p', '-0')]],
    [1.5, [isType('$p', 'double')]],
    [2 ** 31, [isType('$p', 'double')]],
    [5n, [isType('$p', 'long')]],
    [new Int32(0), [isType('$p', 'int')]],
    [new Double(0), [isType('$p', 'double'), hasText('$p', '0')]],
    [new Double(-0), [isType('$p', 'double'), hasText('$p', '-0')]],
    [new Double(1), [isType('$p', 'double')]],
    [Long.fromNumber(0), [isType('$p', 'long')]],
    [Decimal128.fromString('1.0'), [isType('$p', 'decimal'), hasText('$p', '1.0')]],
    [['a', 1], [isType(element(1), 'int')]],
    [{ a: 1, b: 'x' }, [isType(field('a'), 'int')]],
    [new Map([['a', 1]]), [isType(field('a'), 'int')]],
    [{ 'a.b': 1, $c: 1, '': 1, d$: 1 }, [isType(field('d$'), 'int')]],
    [Array.from({ length: 51 }, () => 1), []],
  ])('of %p', (value, types) => {
    const isEqual = { $eq: ['$p', '$$sent'] };
    expect(toStoredValueCheck('p', value, '$$sent')).toEqual(
      types.length === 0 ? isEqual : { $cond: [isEqual, { $and: types }, false] },
    );
  });

  it('compares the types of at most 50 numbers', () => {
    const check = toStoredValueCheck(
      'p',
      Array.from({ length: 50 }, () => 1),
      '$$sent',
    );
    expect(check).toHaveProperty(['$cond', 1, '$and', 'length'], 50);
  });

  it.each<[Operators, boolean]>([
    [{}, true],
    [
      {
        $set: { a: 1, 'b.c': 1 },
        $unset: { d: 1 },
        $push: { e: 1 },
        $addToSet: { f: 1 },
        $setOnInsert: { g: 1 },
      },
      true,
    ],
    [{ $inc: { a: 1 } }, false],
    [{ $set: { a: 1 }, $inc: { a: 1 } }, false],
    [{ $set: { $a: 1 } }, false],
    [{ $set: { 'a.$b': 1 } }, false],
    [{ $set: { 'a..b': 1 } }, false],
    [{ $set: { '': 1 } }, false],
    [{ $set: { a: 1, 'b.': 1 } }, false],
    [{ $set: undefined } as never, true],
  ])('a pipeline can express %j: %p', (operators, expected) => {
    expect(isExpressible(operators)).toBe(expected);
  });
});

describe('the checks of onConflict', () => {
  const schema = new Schema({
    a: String,
    nested: { b: String },
    list: [{ x: String }],
    grid: [[String]],
    map: { type: Map, of: String },
    any: {},
  });
  schema.virtual('virtual');
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const model = mongoose.model('Thing', schema) as unknown as AnyModel;
  const loose = mongoose.model('Loose', new Schema({}, { strict: false })) as unknown as AnyModel;
  mongoose.models['Thing']?.discriminator('Kind', new Schema({ own: String }));
  const check =
    (onConflict: unknown, of = model) =>
    () => {
      checkConflictRule(of, findConflictRule(onConflict) as never);
    };

  it.each([
    ['update'],
    [{ only: ['a', 'nested', 'nested.b', 'list', 'map.k', 'any.x', 'own', '_id', '__v'] }],
    [{ except: ['grid'] }],
    [{ $set: { a: 1, 'nested.b': 1 }, $push: { list: {} }, $inc: { __v: 1 } }],
    [{ $set: { 'list.0.x': 1, 'list.$[].x': 1, 'map.k.z': 1, 'any.x.y': 1, own: 1 } }],
    [{ $rename: { a: 'own' } }],
  ])('allow %j', (onConflict) => {
    expect(check(onConflict)).not.toThrow();
  });

  const NOT_THERE =
    'which the schema of Thing does not have; correct its name or add it to the schema.';
  it.each<[object, string]>([
    [
      { $foo: { a: 1 } },
      'saveOrUpsert: options.onConflict has the operator "$foo"; allowed are $set, $unset,',
    ],
    [{ $set: { a: 1 }, $foo: { a: 1 } }, 'has the operator "$foo"'],
    [{ $set: { z: 1 } }, `has the path "z", ${NOT_THERE}`],
    [{ $set: { a: 1, 'nested.z': 1 } }, `has the path "nested.z", ${NOT_THERE}`],
    [{ $set: { virtual: 1 } }, `has the path "virtual", ${NOT_THERE}`],
    [{ $rename: { a: 'z' } }, `has the path "z", ${NOT_THERE}`],
    [{ only: ['a', 'z'] }, `has the path "z", ${NOT_THERE}`],
    [{ except: ['a.b'] }, `has the path "a.b", ${NOT_THERE}`],
    [
      { only: ['list.x'] },
      'has the path "list.x", which is inside an array; arrays are written as a whole, so use the path of the array.',
    ],
    [{ except: ['list.0'] }, 'has the path "list.0", which is inside an array'],
    [{ only: ['grid.0'] }, 'has the path "grid.0", which is inside an array'],
  ])('refuse %j', (onConflict, message) => {
    expect(check(onConflict)).toThrow(TypeError);
    expect(check(onConflict)).toThrow(message);
  });

  it('allow any path with strict: false', () => {
    expect(check({ $set: { z: 1 } }, loose)).not.toThrow();
  });

  it.each<[Operators, string | undefined]>([
    [{ $set: { b: 1 } }, undefined],
    [{ $set: { ab: 1 } }, undefined],
    [{ $set: { b: 1, _id: 1 } }, '_id'],
    [{ $inc: { a: 1 } }, 'a'],
    [{ $set: { 'a.x': 1 } }, 'a.x'],
    [{ $set: { n: 1 } }, 'n'],
    [{ $rename: { b: 'n.c' } }, 'n.c'],
  ])('refuse an update %j that writes the target: %p', (operators, path) => {
    const stays = () => {
      checkTargetStays({ name: 'i', keyPattern: { a: 1, 'n.c': 1 } }, operators);
    };
    if (path === undefined) expect(stays).not.toThrow();
    else {
      expect(stays).toThrow(TypeError);
      expect(stays).toThrow(`options.onConflict writes "${path}", which identifies the document`);
    }
  });
});
