import { mongo, Mongoose, Schema, Types } from 'mongoose';
import { findViolatedIndex } from '../../lib/convert/match-index';
import type { DuplicateKey } from '../../lib/convert/parse-duplicate-key';
import { findDeclaredIndex, toRefusedKey } from '../../lib/convert/refused-key';
import { mayBeEncoded, toKeyText, toUserValue } from '../../lib/convert/reported-value';
import type { AnyModel } from '../../lib/mongoose-internals';
import type { UniqueIndex } from '../../lib/schema/unique-index';
import type { Write } from '../../lib/write/write';

const keyOf = (parts: Partial<DuplicateKey>): DuplicateKey => ({
  db: undefined,
  collection: undefined,
  indexName: undefined,
  keyPattern: undefined,
  keyText: undefined,
  keyValue: new Map(),
  ...parts,
});

const INDEXES: UniqueIndex[] = [
  { name: 'a_1', keyPattern: { a: 1 } },
  { name: 'other', keyPattern: { a: 1 }, collation: { locale: 'en' } },
  { name: 'b_1', keyPattern: { b: 1 }, collation: { locale: 'en' } },
  { name: 'text', keyPattern: { c: 1, t: 'text', u: 'text' } },
];
const A = { name: 'a_1', keyPattern: { a: 1 }, isCollated: false };
const TEXT = { name: 'text', keyPattern: { c: 1, t: 'text', u: 'text' }, isCollated: false };
const STORED = { c: 1, _fts: 'text', _ftsx: 1 };

it.each<[string, Partial<DuplicateKey>, object | undefined]>([
  ['its name', { indexName: 'a_1' }, A],
  ['a name that is not declared', { indexName: 'z_1' }, undefined],
  ['nothing', {}, undefined],
  ['its keys', { keyPattern: { a: 1 } }, A],
  [
    'a collated one by its keys',
    { keyPattern: { b: 1 } },
    { ...A, name: 'b_1', keyPattern: { b: 1 }, isCollated: true },
  ],
  [
    'its name, of two on the same keys',
    { keyPattern: { a: 1 }, indexName: 'other' },
    { ...A, name: 'other', isCollated: true },
  ],
  ['keys under another name', { keyPattern: { a: 1 }, indexName: 'z_1' }, { ...A, name: 'z_1' }],
  [
    'keys, not the name of an index on others',
    { keyPattern: { a: 1 }, indexName: 'b_1' },
    { ...A, name: 'b_1' },
  ],
  [
    'keys that are not declared',
    { keyPattern: { z: -1 }, indexName: 'z' },
    { name: 'z', keyPattern: { z: -1 }, isCollated: false },
  ],
  [
    'such keys without a name',
    { keyPattern: { z: 1 } },
    { name: undefined, keyPattern: { z: 1 }, isCollated: false },
  ],
  [
    'numbers as objects',
    { keyPattern: { z: new mongo.Int32(1), h: 'hashed' } },
    { name: undefined, keyPattern: { z: 1, h: 'hashed' }, isCollated: false },
  ],
  ['the stored keys of a text index', { keyPattern: STORED }, TEXT],
  [
    'those of a text index that is not declared',
    { keyPattern: { _fts: 'text', _ftsx: 1 } },
    undefined,
  ],
])('the violated index is found by %s', (_, key, index) => {
  expect(findViolatedIndex(keyOf(key), INDEXES)).toEqual(index);
});

it('the violated index is a copy of the declared one', () => {
  expect(findViolatedIndex(keyOf({ indexName: 'a_1' }), INDEXES)?.keyPattern).not.toBe(
    INDEXES[0]?.keyPattern,
  );
});

describe('the refused key', () => {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const schema = new Schema({ a: String, b: String, list: [String] });
  schema.index({ a: 1, b: 1 }, { unique: true });
  schema.index({ gone: 1 }, { unique: true });
  const model = mongoose.model('Thing', schema) as unknown as AnyModel;
  const kind = mongoose.models['Thing']?.discriminator(
    'Kind',
    new Schema({ own: String }),
  ) as unknown as AnyModel;
  const loose = mongoose.model(
    'Loose',
    new Schema({}, { strict: false }).index({ x: 1 }, { unique: true }),
  ) as unknown as AnyModel;

  const AB = { a: 1, b: 1 };
  const values = (fields: object) => new Map(Object.entries(fields));
  it.each<[string, AnyModel, Partial<DuplicateKey>, Write, object]>([
    [
      'values',
      model,
      { keyPattern: AB, keyValue: values({ a: 'x', b: 'y' }) },
      {},
      { missing: [], absent: [] },
    ],
    [
      'a reported null',
      model,
      { keyPattern: AB, keyValue: values({ a: 'x', b: null }) },
      {},
      { missing: ['b'], absent: [] },
    ],
    [
      'a reported value, whatever was written',
      model,
      { keyPattern: AB, keyValue: values({ a: 'x', b: 'y' }) },
      { document: {}, isComplete: true },
      { missing: [], absent: [] },
    ],
    [
      'a written null',
      model,
      { keyPattern: AB },
      { document: { a: 'x', b: null }, isComplete: true },
      { missing: ['b'], absent: [] },
    ],
    [
      'an array of values and null',
      model,
      { keyPattern: { list: 1 } },
      { document: { list: ['x', null] }, isComplete: true },
      { missing: [], absent: [] },
    ],
    [
      'a path that was not written',
      model,
      { keyPattern: AB },
      { document: { a: 'x' }, isComplete: true },
      { missing: ['b'], absent: [] },
    ],
    ['what is not known', model, { keyPattern: AB }, {}, { missing: [], absent: [] }],
    [
      'the filter of an upsert',
      model,
      { keyPattern: AB },
      { update: { $set: { n: 1 } }, filter: { a: null } },
      { missing: ['a'], absent: [] },
    ],
    [
      'a printed key',
      model,
      { keyText: '{ a: null }' },
      {},
      { keyPattern: { a: 1 }, missing: ['a'], absent: [] },
    ],
    [
      'two printed paths',
      model,
      { keyText: '{ a: null, b.c-$d: null }' },
      {},
      { keyPattern: { a: 1, 'b.c-$d': 1 }, missing: ['a', 'b.c-$d'], absent: ['b.c-$d'] },
    ],
    [
      'a printed key beside its pattern',
      model,
      { keyPattern: AB, keyText: '{ a: null }' },
      { document: {}, isComplete: true },
      { missing: ['a'], absent: [] },
    ],
    [
      'a printed string',
      model,
      { keyText: '{ a: "null" }' },
      {},
      { keyPattern: undefined, missing: [], absent: [] },
    ],
    [
      'more after it',
      model,
      { keyText: '{ a: null } }' },
      {},
      { keyPattern: { a: 1 }, missing: ['a'], absent: [] },
    ],
    [
      'more before it',
      model,
      { keyText: 'x { a: null }' },
      {},
      { keyPattern: undefined, missing: [], absent: [] },
    ],
    [
      'the words of a text index',
      model,
      { keyPattern: { t: 'text' } },
      { document: {}, isComplete: true },
      { keyPattern: { t: 'text' }, missing: [], absent: [] },
    ],
    [
      'a path that the schema does not have',
      model,
      { indexName: 'gone_1', keyText: '{ gone: null }' },
      {},
      { keyPattern: { gone: 1 }, missing: ['gone'], absent: ['gone'] },
    ],
    [
      'such a path that the update writes',
      model,
      { keyPattern: { z: 1 } },
      { update: { $unset: { z: 1 } }, filter: {}, mayInsert: false },
      { keyPattern: { z: 1 }, missing: ['z'], absent: [] },
    ],
    [
      'such a path with a value',
      model,
      { keyPattern: { z: 1 }, keyValue: values({ z: 1 }) },
      {},
      { keyPattern: { z: 1 }, missing: [], absent: [] },
    ],
    [
      'with strict: false, of a declared index',
      loose,
      { indexName: 'x_1', keyText: '{ x: null }' },
      {},
      { keyPattern: { x: 1 }, missing: ['x'], absent: [] },
    ],
    [
      'with strict: false, of another',
      loose,
      { keyText: '{ y: null }' },
      {},
      { keyPattern: { y: 1 }, missing: ['y'], absent: ['y'] },
    ],
    [
      'a path of one kind, written by it',
      model,
      { keyPattern: { own: 1 } },
      { document: { __t: 'Kind' }, isComplete: true },
      { keyPattern: { own: 1 }, missing: ['own'], absent: [] },
    ],
    [
      'written by another',
      model,
      { keyPattern: { own: 1 } },
      { document: { __t: 'None' }, isComplete: true },
      { keyPattern: { own: 1 }, missing: ['own'], absent: ['own'] },
    ],
    [
      'written by the model of that kind',
      kind,
      { keyPattern: { own: 1 } },
      { document: {}, isComplete: true },
      { keyPattern: { own: 1 }, missing: ['own'], absent: [] },
    ],
  ])('of %s', (_, of, key, write, expected) => {
    const whole = { indexName: key.indexName, keyPattern: key.keyPattern, ...expected };
    expect(toRefusedKey(of, keyOf(key), write)).toEqual(whole);
  });

  it.each<[string | undefined, object | undefined, string | undefined]>([
    ['a_1_b_1', undefined, 'a_1_b_1'],
    [undefined, AB, 'a_1_b_1'],
    ['mine', AB, 'a_1_b_1'],
    ['mine', { a: 1 }, undefined],
    [undefined, undefined, undefined],
    ['_id_', undefined, '_id_'],
  ])('of the name %p and the keys %j is declared as %p', (indexName, keyPattern, name) => {
    expect(findDeclaredIndex(model, { indexName, keyPattern: keyPattern as never })?.name).toBe(
      name,
    );
  });
});

const ID = '0123456789abcdef01234567';
const uuid = new mongo.UUID();
const binary = (subType: number) => new mongo.Binary(Buffer.from('abc'), subType);

it.each<[unknown, boolean]>([
  ['a', true],
  [['a'], true],
  [{ a: 1 }, true],
  [1, false],
  [null, false],
  [undefined, false],
  [new Date(0), false],
  [new Types.ObjectId(), false],
])('%p may be a sort key: %p', (value, expected) => {
  expect(mayBeEncoded(value)).toBe(expected);
});

it.each<[string, unknown, unknown]>([
  ['a string', 'a', 'a'],
  ['null', null, null],
  ['nothing', undefined, undefined],
  ['an object', { a: 1 }, { a: 1 }],
  ['a Binary', binary(0), Buffer.from('abc')],
  ['a Binary of another kind', binary(5), Buffer.from('abc')],
  ['a UUID', new mongo.Binary(uuid.buffer, 4), uuid],
  [
    "another driver's without toUUID",
    { sub_type: 4, buffer: Buffer.from('abcd'), position: 2 },
    Buffer.from('ab'),
  ],
])('as the user wrote it: %s', (_, value, expected) => {
  expect(toUserValue(value)).toEqual(expected);
});

it('a Buffer stays the same, even one with a sub_type', () => {
  const buffer = Object.assign(Buffer.from('a'), { sub_type: 0 });
  expect(toUserValue(buffer)).toBe(buffer);
});

it.each<[unknown[], boolean, string | undefined]>([
  [['a'], false, '{ p0: "a" }'],
  [['a'], true, undefined],
  [[1, null], true, '{ p0: 1, p1: null }'],
  [[true, false], false, '{ p0: true, p1: false }'],
  [[new Types.ObjectId(ID)], false, `{ p0: ObjectId('${ID}') }`],
  [[1.5], false, undefined],
  [[1, 'a'], true, undefined],
  [[new Date(0)], false, undefined],
  [[undefined], false, undefined],
])('the printed key of %p, collated: %p, is %p', (values, isCollated, text) => {
  const parts = values.map((value, at) => ({
    indexPath: `p${String(at)}`,
    path: 'x',
    value,
    isFound: true,
  }));
  expect(toKeyText(parts, isCollated)).toBe(text);
});
