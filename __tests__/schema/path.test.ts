import { Schema } from 'mongoose';
import type { AnySchema } from '../../lib/mongoose-internals';
import { Fragment } from '../../lib/schema/fragment';
import { quotePath, toPartialFilter } from '../../lib/schema/partial-advice';
import { isAtOrBelow, isRelated, prefixesOf, withoutPositions } from '../../lib/schema/path';

it.each<[string, string[]]>([
  ['a', ['a']],
  ['a.b', ['a', 'a.b']],
  ['a.b.c', ['a', 'a.b', 'a.b.c']],
  ['', ['']],
])('the prefixes of %j are %j', (path, prefixes) => {
  expect(prefixesOf(path)).toEqual(prefixes);
});

it.each<[string, string, boolean, boolean]>([
  ['a', 'a', true, true],
  ['a.b', 'a', true, true],
  ['a', 'a.b', false, true],
  ['ab', 'a', false, false],
  ['a', 'ab', false, false],
  ['a.b', 'a.c', false, false],
  ['b.a', 'a', false, false],
])('%j at or below %j: %p; related: %p', (path, other, below, related) => {
  expect([isAtOrBelow(path, other), isRelated(path, other)]).toEqual([below, related]);
});

it.each([
  ['a.0.b', 'a.b'],
  ['a.10.b.2', 'a.b'],
  ['a.b', 'a.b'],
  ['a.0b.c1', 'a.0b.c1'],
  ['0.a', 'a'],
])('%j without places is %j', (path, expected) => {
  expect(withoutPositions(path)).toBe(expected);
});

it.each([
  ['a', 'a'],
  ['_a$1', '_a$1'],
  ['$a', '$a'],
  ['A', 'A'],
  ['a.b', "'a.b'"],
  ['1a', "'1a'"],
  ['', "''"],
  ["it's", String.raw`'it\'s'`],
  ['a\\b', String.raw`'a\\b'`],
])('as a key of an object, %j is %s', (path, expected) => {
  expect(quotePath(path)).toBe(expected);
});

it.each([
  ['s', "{ s: { $type: 'string' } }"],
  ['n', "{ n: { $type: 'number' } }"],
  ['in.d', "{ 'in.d': { $type: 'date' } }"],
  ['list', "{ list: { $type: 'string' } }"],
  ['sub', "{ sub: { $type: 'object' } }"],
  ['any', '{ any: { $exists: true } }'],
  ['other', '{ other: { $exists: true } }'],
])('the partial filter for a value at %j is %s', (path, filter) => {
  const schema = new Schema({
    s: String,
    n: Number,
    in: { d: Date },
    list: [String],
    sub: new Schema({ x: String }),
    any: {},
  });
  const schemas = [new Schema({ z: String }), schema] as unknown as AnySchema[];
  expect(toPartialFilter(schemas, path)).toBe(filter);
});

it.each<[string[], boolean]>([
  [[], false],
  [['0'], true],
  [['0', '12', '$1', '$[]'], true],
  [['0', 'a'], false],
  [['a'], false],
  [['0.a', '1.b'], true],
  [['0a'], false],
  [['a0'], false],
])('a fragment with %j is an array: %p', (paths, isArray) => {
  const fragment = new Fragment();
  for (const path of paths) fragment.set(path, 1);
  expect(fragment.isArray).toBe(isArray);
});

it('a fragment has what was set below one path together, and a value gives way to a path in it', () => {
  const fragment = new Fragment();
  fragment.set('a', 1);
  fragment.set('a.b', 2);
  fragment.set('a.c.d', 3);
  const inner = fragment.children.get('a') as Fragment;
  expect([...inner.children.keys()]).toEqual(['b', 'c']);
  expect((inner.children.get('c') as Fragment).children.get('d')).toBe(3);
  expect(inner.children.get('b')).toBe(2);
});
