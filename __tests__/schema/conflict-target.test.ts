import { Mongoose, Schema } from 'mongoose';
import {
  findGivenTarget,
  findNamedTarget,
  findTargets,
  isInArray,
} from '../../lib/schema/conflict-target';
import { isPlainPath } from '../../lib/schema/plain-path';
import type { AnyModel } from '../../lib/mongoose-internals';

type Index = [keys: object, options?: object];

/** A model with unique indexes on these keys. */
function modelOf(indexes: Index[], options: object = {}): AnyModel {
  const schema = new Schema(
    {
      a: String,
      b: String,
      c: String,
      list: [String],
      items: [{ x: String }],
      map: { type: Map, of: String },
      any: {},
      nested: { d: String },
    },
    options,
  );
  for (const [keys, more] of indexes) {
    schema.index(keys as never, { unique: true, ...more });
  }
  return new Mongoose().model('Thing', schema) as unknown as AnyModel;
}

const A: Index = [{ a: 1 }];
const AB: Index = [{ a: 1, b: 1 }];
const C: Index = [{ c: 1 }];
const LIST: Index = [{ list: 1 }];
const ITEMS: Index = [{ 'items.x': 1, c: 1 }];
const UNIQUE_OTHER: Index = [{ b: 1 }, { unique: false }];
const SHARDED = { shardKey: { c: 1 } };

const OBSTACLE = 'is an index on the array `list`: several documents may hold parts of it';

describe('the index that conflictTarget names', () => {
  it.each<[string | string[], string, Index[]]>([
    ['a', 'a_1', [A, AB]],
    [['a'], 'a_1', [A, AB]],
    [['a', 'b'], 'a_1_b_1', [A, AB]],
    [['b', 'a'], 'a_1_b_1', [A, AB]],
    ['a_1_b_1', 'a_1_b_1', [A, AB]],
    ['_id', '_id_', [A]],
    ['_id_', '_id_', [A]],
    ['mine', 'mine', [[{ a: 1 }, { name: 'mine' }]]],
    // An index on the path counts more than one with such a name.
    ['a', 'a_1', [A, [{ b: 1 }, { name: 'a' }]]],
    // Of two indexes on one path, the one that is named.
    ['second', 'second', [A, [{ a: -1 }, { name: 'second' }]]],
  ])('%j is %s', (conflictTarget, name, indexes) => {
    expect(findNamedTarget(modelOf(indexes), conflictTarget).name).toBe(name);
  });

  const POSSIBLE = 'Thing can be found by "_id_" (_id) and "a_1" (a).';
  it.each<[string | string[], Index[], object, string]>([
    ['b', [A], {}, `conflictTarget "b" is no unique index. ${POSSIBLE}`],
    ['b', [A, UNIQUE_OTHER], {}, `conflictTarget "b" is no unique index. ${POSSIBLE}`],
    [['a', 'b'], [A], {}, `conflictTarget ["a","b"] is no unique index. ${POSSIBLE}`],
    [['a', 'c'], [A, AB], {}, 'conflictTarget ["a","c"] is no unique index.'],
    ['b', [A, LIST, C], {}, '"_id_" (_id) and "a_1" (a) and "c_1" (c).'],
    ['list', [A, LIST], {}, `conflictTarget "list" ${OBSTACLE}. ${POSSIBLE}`],
    ['list_1', [A, LIST], {}, `conflictTarget "list_1" ${OBSTACLE}. ${POSSIBLE}`],
    [['items.x', 'c'], [ITEMS], {}, 'is an index on the array `items.x`'],
    ['a', [A], SHARDED, 'conflictTarget "a" does not contain the whole shard key { c: 1 }'],
    ['a', [A], SHARDED, 'No unique index of Thing can be a conflict target.'],
    ['a', [A, C], SHARDED, 'Thing can be found by "c_1" (c).'],
    [
      'a',
      [A, [{ a: -1 }, { name: 'second' }]],
      {},
      'conflictTarget "a" fits "a_1" (a) and "second" (a); pass the name of one of them.',
    ],
  ])('%j is refused: of %j, options %j', (conflictTarget, indexes, options, message) => {
    const find = () => findNamedTarget(modelOf(indexes, options), conflictTarget);
    expect(find).toThrow(TypeError);
    expect(find).toThrow(message);
  });
});

describe('the index that the input identifies', () => {
  const find = (given: string[], indexes: Index[], options?: object) =>
    findGivenTarget(modelOf(indexes, options), (path) => given.includes(path));

  it.each<[string[], string, Index[]]>([
    [['a'], 'a_1', [A]],
    [['a', '_id'], 'a_1', [A]],
    [['a', 'c'], 'a_1', [A, LIST]],
    [['a', 'b'], 'a_1_b_1', [AB, C]],
    [['a', 'c'], 'c_1', [AB, C]],
    [['a', 'list'], 'a_1', [A, LIST]],
  ])('with %j is %s', (given, name, indexes) => {
    expect(find(given, indexes).name).toBe(name);
  });

  const INDEXES = '"a_1_b_1" (a, b) or "c_1" (c)';
  it.each<[string[], Index[], object, string]>([
    [
      [],
      [AB, C],
      {},
      'the input lacks values for each unique index of Thing, so it does not identify a document. ' +
        `Add the values of ${INDEXES}, or use create().`,
    ],
    [['a'], [AB, C], {}, `Add the values of ${INDEXES}, or use create().`],
    [['a', '_id'], [AB, C], {}, `Add the values of ${INDEXES}, or pass conflictTarget: "_id".`],
    [['_id'], [C], SHARDED, 'Add the values of "c_1" (c), or use create().'],
    [['list'], [A, LIST], {}, ` or use create(). "list_1" (list) ${OBSTACLE}.`],
    [
      ['a', 'c'],
      [A, C],
      {},
      'the input has values for all paths of "a_1" (a) and "c_1" (c), so it does not identify one ' +
        'document. Pass conflictTarget; the unique indexes of Thing are "a_1" (a) and "c_1" (c).',
    ],
  ])('with %j is none: of %j, options %j', (given, indexes, options, message) => {
    expect(() => find(given, indexes, options)).toThrow(TypeError);
    expect(() => find(given, indexes, options)).toThrow(message);
  });

  it('is none with the values of an index that is not unique or not usable', () => {
    expect(() => find(['b'], [A, UNIQUE_OTHER])).toThrow(/or use create\(\)\.$/);
    expect(() => find(['a'], [A, [{ list: 1, b: 1 }]].slice(1) as Index[])).toThrow(
      'has no unique index that identifies a document',
    );
    expect(() => find(['list'], [C, [{ list: 1, b: 1 }]])).toThrow(/or use create\(\)\.$/);
  });
});

describe('the indexes that identify a document', () => {
  it('are those that can, without the one on _id', () => {
    const names = (model: AnyModel) => findTargets(model).map(({ name }) => name);
    expect(names(modelOf([A, LIST, AB]))).toEqual(['a_1', 'a_1_b_1']);
    expect(names(modelOf([A, C], SHARDED))).toEqual(['c_1']);
  });

  it.each<[Index[], object, string]>([
    [
      [],
      {},
      'saveOrUpsert: Thing has no unique index that identifies a document; declare one, or use ' +
        'create(). For _id pass conflictTarget: "_id".',
    ],
    [[LIST], {}, `For _id pass conflictTarget: "_id". "list_1" (list) ${OBSTACLE}.`],
    [[A], SHARDED, 'or use create(). "a_1" (a) does not contain the whole shard key { c: 1 }'],
  ])('are missing: of %j, options %j', (indexes, options, message) => {
    const find = () => findTargets(modelOf(indexes, options));
    expect(find).toThrow(TypeError);
    expect(find).toThrow(message);
    expect(find).not.toThrow('"_id_"');
  });
});

describe('paths', () => {
  const model = modelOf([]);
  it.each([
    // path, in an array, with a single value
    ['a', false, true],
    ['nested.d', false, true],
    ['nested', false, false],
    ['list', true, false],
    ['list.0', true, false],
    ['items', true, false],
    ['items.x', true, false],
    ['map', false, false],
    ['map.k', false, false],
    ['any', false, false],
    ['any.x', false, false],
    ['other', false, false],
    ['', false, false],
  ])('%j is in an array: %p; is plain: %p', (path, isArray, isPlain) => {
    expect([isInArray(model, path), isPlainPath(model, path)]).toEqual([isArray, isPlain]);
  });

  it('count with those of the other kinds in the collection', () => {
    const base = new Mongoose().model('Base', new Schema({ a: String }));
    const kind = base.discriminator('Kind', new Schema({ list: [String], b: String }));
    for (const one of [base, kind] as unknown as AnyModel[]) {
      expect([isInArray(one, 'list'), isInArray(one, 'b')]).toEqual([true, false]);
      expect([isPlainPath(one, 'list'), isPlainPath(one, 'b')]).toEqual([false, true]);
    }
  });
});
