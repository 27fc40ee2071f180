import { Schema } from 'mongoose';
import type { AnySchema } from '../../lib/mongoose-internals';
import {
  beginsWithShardKey,
  findLackingShardKey,
  findShardKey,
  showPattern,
} from '../../lib/schema/shard-key';

const keyOf = (options: object) =>
  findShardKey(new Schema({}, options as never) as unknown as AnySchema);

it.each<[object, object | undefined]>([
  [{}, undefined],
  [{ shardKey: null }, undefined],
  [{ shardKey: 'a' }, undefined],
  [{ shardKey: { a: 1 } }, { a: 1 }],
  [{ shardkey: { a: 1 } }, { a: 1 }],
  [{ shardKey: { a: 1 }, shardkey: { b: 1 } }, { a: 1 }],
])('the shard key of a schema with %j is %j', (options, key) => {
  expect(keyOf(options)).toEqual(key);
});

const index = (...paths: string[]) => ({
  name: 'i',
  keyPattern: Object.fromEntries(paths.map((path) => [path, -1])),
});

it.each<[object | undefined, string[], string | undefined]>([
  [undefined, ['a'], undefined],
  [{ a: 1 }, ['a'], undefined],
  [{ a: 1 }, ['b', 'a'], undefined],
  [{ a: 1, b: 1 }, ['c', 'b', 'a'], undefined],
  [{ a: 'hashed' }, ['a'], undefined],
  [{ a: 1 }, ['b'], '{ a: 1, b: 1 }'],
  [{ a: 1, b: 1 }, ['b', 'c'], '{ a: 1, b: 1, c: 1 }'],
  [{ 'a.b': 1 }, ['a'], '{ a.b: 1, a: 1 }'],
  [{ toString: 1 }, ['a'], '{ toString: 1, a: 1 }'],
])('shard key %j, index on %j: instead %p', (shardKey, paths, instead) => {
  const reason = findLackingShardKey(shardKey as never, index(...paths));
  if (instead === undefined) expect(reason).toBeUndefined();
  else expect(reason).toMatch(new RegExp(`such as ${instead.replace(/[.{}]/g, '\\$&')}$`));
});

it.each<[string[], object, boolean]>([
  [['a'], { a: 1 }, true],
  [['a', 'b'], { a: 'hashed' }, true],
  [['a', 'b'], { a: 1, b: 1 }, true],
  [['b', 'a'], { a: 1, b: 1 }, false],
  [['b', 'a'], { a: 1 }, false],
  [['a'], { a: 1, b: 1 }, false],
  [['a.b'], { a: 1 }, false],
])('an index on %j begins with %j: %p', (paths, shardKey, expected) => {
  expect(beginsWithShardKey(index(...paths).keyPattern, shardKey as never)).toBe(expected);
});

it('a pattern is shown as in the shell', () => {
  expect(showPattern({ a: 1, 'b.c': -1, d: 'hashed' })).toBe('{ a: 1, b.c: -1, d: "hashed" }');
});
