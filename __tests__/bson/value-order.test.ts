import { mongo } from 'mongoose';
import { compare, typesOf } from '../../lib/bson/value-order';

const { Binary, Decimal128, Double, Int32, Long, ObjectId, UUID, Timestamp } = mongo;
const id = (last: string) => new ObjectId(`01234567${last.repeat(16)}`);

/** Each list is in order. */
const ORDERED: unknown[][] = [
  [-Infinity, -2, new Int32(-1), 0, 0.5, Decimal128.fromString('1.5'), 2n, Infinity],
  [Long.fromString('9007199254740990'), 9007199254740993n * 2n],
  ['', 'A', 'B', 'a', 'ab', 'b', 'é', '\uffff', '\u{1f600}'],
  [new Date(-1), new Date(0), new Date(1)],
  [false, true],
  [id('0'), id('1'), id('f')],
];

describe('the order of two values', () => {
  it.each(ORDERED.map((one) => [one]))('%p', (values) => {
    values.forEach((a, i) => {
      values.forEach((b, j) => {
        expect(Math.sign(Number(compare(a, b, false)))).toBe(Math.sign(i - j));
      });
    });
  });

  it('is not known of two types', () => {
    const firsts = [...ORDERED.map(([, value]) => value), null, {}, [], undefined, /a/];
    firsts.forEach((a, i) => {
      firsts.forEach((b, j) => {
        const isNumber = i < 2 && j < 2;
        if (i !== j && !isNumber) expect(compare(a, b, false)).toBeUndefined();
      });
    });
  });

  it('of strings is not known under a collation, of others it is', () => {
    expect(compare('a', 'b', true)).toBeUndefined();
    expect(compare('a', 'a', true)).toBeUndefined();
    expect(compare(1, 2, true)).toBeLessThan(0);
    expect(compare(new Date(2), new Date(1), true)).toBeGreaterThan(0);
  });

  it.each<[unknown, unknown, number | undefined]>([
    [NaN, NaN, 0],
    [NaN, 1, undefined],
    [1, NaN, undefined],
    // Too close for a double: not a guess.
    [9007199254740992n, 9007199254740993n, undefined],
    [9007199254740993n, Long.fromString('9007199254740993'), 0],
    [null, null, undefined],
    [{}, {}, undefined],
    [[], [], undefined],
    ['1', 1, undefined],
    [new Date(1), 1, undefined],
    [true, 1, undefined],
    [id('1'), String(id('1')), undefined],
  ])('%p and %p: %p', (a, b, expected) => {
    expect(compare(a, b, false)).toBe(expected);
  });
});

describe('the names and codes that $type has for a value', () => {
  it.each<[unknown, (string | number)[]]>([
    [null, ['null', 10]],
    ['', ['string', 2]],
    ['a', ['string', 2]],
    [false, ['bool', 8]],
    [[], ['array', 4]],
    [new Date(0), ['date', 9]],
    [{}, ['object', 3]],
    [new Int32(1), ['int', 16, 'number']],
    [new Double(1), ['double', 1, 'number']],
    [Long.fromNumber(1), ['long', 18, 'number']],
    [Decimal128.fromString('1'), ['decimal', 19, 'number']],
    [id('0'), ['objectId', 7]],
    [new Binary(Buffer.from('a')), ['binData', 5]],
    [new UUID('00000000-0000-4000-8000-000000000000'), ['binData', 5]],
    [/a/, []],
    [new Timestamp(1n), []],
    [undefined, []],
  ])('%p: %p', (value, types) => {
    expect(typesOf(value)).toEqual(types);
  });
});
