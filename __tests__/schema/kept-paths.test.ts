import { Mongoose, Schema } from 'mongoose';
import {
  currentTimeOf,
  keptPathsOf,
  pathsBelow,
  timestampPaths,
} from '../../lib/schema/kept-paths';
import type { AnyModel, AnySchema } from '../../lib/mongoose-internals';

const fixed = { type: String, immutable: true };
const schemaOf = (definition: object, options: object = {}) =>
  new Schema(definition, options as never) as unknown as AnySchema;
const inner = (definition: object, options: object = {}) =>
  new Schema(definition as never, { _id: false, ...options });

const OWN = ['_id', '__v', '__t'];

it.each<[string, object, object, string[]]>([
  ['the paths of Mongoose', { a: String }, {}, OWN],
  ['no version key', {}, { versionKey: false }, ['_id', '__t']],
  ['keys of other names', {}, { versionKey: 'v', discriminatorKey: 'k' }, ['_id', 'v', 'k']],
  ['createdAt', {}, { timestamps: true }, [...OWN, 'createdAt']],
  ['createdAt of another name', {}, { timestamps: { createdAt: 'made' } }, [...OWN, 'made']],
  ['the shard key', { a: String }, { shardKey: { a: 1, b: 1 } }, [...OWN, 'a', 'b']],
  ['an immutable path', { a: fixed, b: String }, {}, [...OWN, 'a']],
  ['one that is not', { a: { type: String, immutable: false } }, {}, OWN],
  ['one by a function', { a: { type: String, immutable: () => false } }, {}, [...OWN, 'a']],
  ['one in a nested object', { n: { a: fixed } }, {}, [...OWN, 'n.a']],
  ['one in a subdocument', { s: inner({ a: fixed, b: String }) }, {}, [...OWN, 's.a']],
  ['one in two', { s: inner({ t: inner({ a: fixed }) }) }, {}, [...OWN, 's.t.a']],
  ['none in an array', { l: [inner({ a: fixed })] }, {}, OWN],
  [
    'an immutable array',
    { l: { type: [inner({ a: fixed })], immutable: true } },
    {},
    [...OWN, 'l'],
  ],
  [
    'an immutable subdocument and what is in it',
    { s: { type: inner({ a: fixed }), immutable: true } },
    {},
    [...OWN, 's', 's.a'],
  ],
  [
    'no createdAt of a subdocument',
    { s: inner({ a: fixed }, { timestamps: true }) },
    {},
    [...OWN, 's.a'],
  ],
])('kept: %s', (_, definition, options, paths) => {
  const schema = schemaOf(definition, options);
  expect([...keptPathsOf(schema)].sort()).toEqual([...paths].sort());
  expect(keptPathsOf(schema)).toBe(keptPathsOf(schema));
});

it.each<[unknown, object]>([
  [undefined, {}],
  [false, {}],
  [true, { createdAt: 'createdAt', updatedAt: 'updatedAt' }],
  [{}, { createdAt: 'createdAt', updatedAt: 'updatedAt' }],
  [{ createdAt: false }, { updatedAt: 'updatedAt' }],
  [{ updatedAt: false }, { createdAt: 'createdAt' }],
  [
    { createdAt: 'made', updatedAt: true },
    { createdAt: 'made', updatedAt: 'updatedAt' },
  ],
  [{ currentTime: () => 5 }, { createdAt: 'createdAt', updatedAt: 'updatedAt' }],
])('timestamps of a schema with %j are %j', (timestamps, paths) => {
  const schema = schemaOf({}, timestamps === undefined ? {} : { timestamps });
  expect(timestampPaths(schema)).toEqual(paths);
  expect(timestampPaths(schema)).toBe(timestampPaths(schema));
});

describe('the current time', () => {
  const mongoose = new Mongoose();
  jest.spyOn(mongoose, 'now').mockReturnValue(7 as never);
  it.each<[unknown, number]>([
    [undefined, 7],
    [true, 7],
    [{}, 7],
    [{ currentTime: () => 5 }, 5],
  ])('of a schema with timestamps %j is %p', (timestamps, time) => {
    const schema = schemaOf({}, timestamps === undefined ? {} : { timestamps });
    expect(currentTimeOf({ schema, base: mongoose } as unknown as AnyModel)).toBe(time);
  });
});

it.each<[string, string[]]>([
  ['nested', ['nested.a', 'nested.deep']],
  ['nested.deep', ['nested.deep.b']],
  ['sub', ['sub.c', 'sub.in', 'sub.deep']],
  ['sub.in', ['sub.in.d', 'sub.in.e']],
  ['sub.deep', ['sub.deep.x', 'sub.deep.y']],
  ['sub.deep.y', ['sub.deep.y.z']],
  ['list.x', []],
  ['list', []],
  ['map', []],
  ['a', []],
  ['nest', []],
  ['other', []],
])('the paths directly below %j are %j', (path, below) => {
  const schema = schemaOf({
    a: String,
    nested: { a: String, deep: { b: String } },
    sub: inner({
      c: String,
      in: { d: String, e: { f: String } },
      deep: inner({ x: String, y: { z: String } }),
    }),
    list: [inner({ x: String })],
    map: { type: Map, of: String },
    nested2: { z: String },
  });
  expect(pathsBelow(schema, path)).toEqual(below);
});
