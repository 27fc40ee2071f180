import { mongo, Types } from 'mongoose';
import {
  isEmbedded,
  isOperatorObject,
  toComparable,
  toNumberText,
} from '../../lib/bson/comparable';

const { Binary, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId } = mongo;
const decimal = (text: string) => Decimal128.fromString(text);
const ID = '0123456789abcdef01234567';

/** Each list holds values that are one key in an index; two lists hold different ones. */
const KEYS: unknown[][] = [
  [undefined],
  [null],
  [[]],
  [{}],
  [[null]],
  [[[]]],
  ['', new String('').valueOf()],
  ['null'],
  ['1'],
  ['1e0'],
  [true],
  [false],
  [0, -0, 0n, new Double(-0), new Int32(0), Long.fromNumber(0), decimal('0.00'), decimal('-0E+3')],
  [1, 1n, new Int32(1), new Double(1), Long.fromNumber(1), decimal('1.00'), decimal('10E-1')],
  [-1, decimal('-1.0'), Long.fromNumber(-1)],
  [10, decimal('1E+1'), decimal('1.0e1'), new Double(10)],
  [100, 1e2],
  [12, decimal('012')],
  [21],
  [1.5, decimal('1.50'), decimal('15E-1'), decimal('0.15E1')],
  [0.01, decimal('1E-2')],
  [0.001],
  [1e21, decimal('1E+21'), 10n ** 21n],
  [9007199254740993n, Long.fromString('9007199254740993'), decimal('9007199254740993')],
  [9007199254740992],
  [NaN, decimal('NaN'), new Double(NaN)],
  [Infinity, decimal('Infinity')],
  [-Infinity, decimal('-Infinity')],
  [new Date(5)],
  [new Date(6)],
  [/a/],
  [/a/i],
  [/b/],
  [new ObjectId(ID), new Types.ObjectId(ID)],
  [new ObjectId(ID.replace('0', '1'))],
  [ID],
  [new Binary(Buffer.from('a')), new Binary(Buffer.from('a'))],
  [new Binary(Buffer.from('b'))],
  [new Binary(Buffer.from('a'), 4)],
  [new MinKey()],
  [new MaxKey()],
  [{ a: 1 }, { a: decimal('1.0') }],
  [{ a: 2 }],
  [{ b: 1 }],
  [{ a: { b: 1 } }],
  [{ a: 1, b: 2 }],
  [{ b: 2, a: 1 }],
  [
    [1, 2],
    [1n, 2],
  ],
  [[2, 1]],
  [[1, [2]]],
  [{ _bsontype: 'ObjectId' }],
  [{ _bsontype: 'Int32' }],
];

describe('values that are one key in an index', () => {
  it.each(KEYS.map((one) => [one]))('%p have one string', (values) => {
    expect(new Set(values.map(toComparable)).size).toBe(1);
  });

  it('no two of the lists have the same string', () => {
    expect(new Set(KEYS.map(([first]) => toComparable(first))).size).toBe(KEYS.length);
  });

  it('a class of another driver needs no toExtendedJSON', () => {
    class Odd {
      get _bsontype() {
        return 'Odd';
      }
    }
    expect(toComparable(new Odd())).toBe('["bson","Odd",null]');
  });
});

describe('numbers as text', () => {
  /** Of another driver, whose text is not a number that is known here. */
  class Odd {
    constructor(readonly text: string) {}
    get _bsontype() {
      return 'Double';
    }
    toString() {
      return this.text;
    }
  }

  it.each<[unknown, string | undefined]>([
    [0, '0'],
    [-0, '0'],
    [decimal('-0.0'), '0'],
    [7, '7e0'],
    [-7, '-7e0'],
    [70, '7e1'],
    [7.25, '725e-2'],
    [0.5, '5e-1'],
    [0.001, '1e-3'],
    [1e-7, '1e-7'],
    [1.5e300, '15e299'],
    [10n ** 20n, '1e20'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [new Int32(70), '7e1'],
    [new Double(2.5), '25e-1'],
    [Long.fromString('-9223372036854775808'), '-9223372036854775808e0'],
    [decimal('1.20E+5'), '12e4'],
    [new Odd('x7'), 'x7'],
    [new Odd('7x'), '7x'],
    ['7', undefined],
    [null, undefined],
    [undefined, undefined],
    [true, undefined],
    [{}, undefined],
    [[7], undefined],
    [new Date(7), undefined],
    [new ObjectId(ID), undefined],
    [{ _bsontype: 'Int32', toString: () => '7' }, undefined],
  ])('%p is %p', (value, text) => {
    expect(toNumberText(value)).toBe(text);
  });
});

describe('objects that are documents of their own', () => {
  it.each<[unknown, boolean]>([
    [{}, true],
    [{ a: 1 }, true],
    [Object.create(null), true],
    [new Map(), true],
    [{ _bsontype: 'ObjectId' }, true],
    [[], false],
    [null, false],
    [undefined, false],
    ['a', false],
    [1, false],
    [() => 1, false],
    [new Date(0), false],
    [/a/, false],
    [new ObjectId(ID), false],
    [decimal('1'), false],
  ])('%p: %p', (value, expected) => {
    expect(isEmbedded(value)).toBe(expected);
  });

  it.each<[unknown, boolean]>([
    [{ $gt: 1 }, true],
    [{ a: 1, $gt: 1 }, true],
    [{ $gt: 1, a: 1 }, true],
    [{}, false],
    [{ a: 1 }, false],
    [{ a$: 1 }, false],
    [{ a: { $gt: 1 } }, false],
    [['$gt'], false],
    ['$gt', false],
    [null, false],
    [new ObjectId(ID), false],
  ])('of operators: %p: %p', (value, expected) => {
    expect(isOperatorObject(value)).toBe(expected);
  });
});
