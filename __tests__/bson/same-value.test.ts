import { Mongoose, Types, mongo } from 'mongoose';
import { isObjectId, sameBytesFor, sameValueFor } from '../../lib/bson/same-value';
import type { AnyModel } from '../../lib/mongoose-internals';

const { Binary, Decimal128, Double, Int32, Long, ObjectId } = mongo;
const model = { base: new Mongoose() } as unknown as AnyModel;
const isSameValue = sameValueFor(model);
const isSameBytes = sameBytesFor(model);
const ID = '0123456789abcdef01234567';

const PAIRS: [a: unknown, b: unknown, sameValue: boolean, sameBytes: boolean][] = [
  ['a', 'a', true, true],
  ['a', 'b', false, false],
  ['1', 1, false, false],
  [1, '1', false, false],
  [1, 1, true, true],
  [1, 2, false, false],
  [1, new Int32(1), true, true],
  [2, new Int32(1), false, false],
  [0, new Int32(0), true, true],
  [-0, new Int32(0), true, false],
  [new Int32(1), new Int32(1), true, true],
  [1, new Double(1), true, false],
  [1, Long.fromNumber(1), true, false],
  [1, Decimal128.fromString('1.0'), true, false],
  [Decimal128.fromString('1'), Decimal128.fromString('1.0'), true, false],
  [0, -0, true, false],
  [NaN, NaN, true, true],
  [1, null, false, false],
  [null, null, true, true],
  [undefined, undefined, true, true],
  [undefined, null, false, false],
  [undefined, 'a', false, false],
  [new Date(1), new Date(1), true, true],
  [new Date(1), new Date(2), false, false],
  [new Date(1), 1, false, false],
  [1, new Date(1), false, false],
  [new Date(1), null, false, false],
  [new ObjectId(ID), new Types.ObjectId(ID), true, true],
  [new ObjectId(ID), ID, false, false],
  [ID, new ObjectId(ID), false, false],
  [new ObjectId(ID), new ObjectId(`${ID.slice(1)}0`), false, false],
  [new Binary(Buffer.from('a')), new Binary(Buffer.from('b')), false, false],
  [{ a: 1, b: 2 }, { a: 1, b: 2 }, true, true],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, false, false],
  [{ a: 1 }, { a: 2 }, false, false],
  [[1, 2], [1, 2], true, true],
  [[1, 2], [2, 1], false, false],
  [true, true, true, true],
  [true, false, false, false],
];

it.each(PAIRS)('%p and %p: the same value: %p, the same bytes: %p', (a, b, value, bytes) => {
  expect([isSameValue(a, b), isSameBytes(a, b)]).toEqual([value, bytes]);
  expect([isSameValue(b, a), isSameBytes(b, a)]).toEqual([value, bytes]);
});

it.each<[unknown, boolean]>([
  [new ObjectId(ID), true],
  [{ _bsontype: 'ObjectId', toHexString: () => ID }, true],
  [{ _bsontype: 'Binary' }, false],
  [{}, false],
  [ID, false],
  [null, false],
  [undefined, false],
])('an ObjectId of any copy of the driver: %p: %p', (value, expected) => {
  expect(isObjectId(value)).toBe(expected);
});

it('an undefined value in an object is sent as null, so the bytes differ from an object without it', () => {
  expect(isSameBytes({ a: 1 }, { a: 1, b: undefined })).toBe(false);
  expect(isSameBytes({ a: 1, b: null }, { a: 1, b: undefined })).toBe(true);
});
