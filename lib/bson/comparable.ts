/** Values as the server compares them in an index. Pure. */
import { isObject } from '../options/is-object';

/** Equal strings for equal keys: `1`, `1.0` and Decimal128 `1.00` are equal, `null` and `[]` are not. */
export function toComparable(value: unknown): string {
  return JSON.stringify(describe(value));
}

function describe(value: unknown): unknown[] {
  const number = toNumberText(value);
  if (number !== undefined) return ['number', number];
  if (Array.isArray(value)) return ['array', ...value.map(describe)];
  if (value instanceof Date) return ['date', value.getTime()];
  if (value instanceof RegExp) return ['regex', value.source, value.flags];
  if (typeof value !== 'object' || value === null) return [typeof value, value];
  if (isBsonValue(value)) {
    return ['bson', value._bsontype, value.toExtendedJSON?.()];
  }
  return ['object', ...Object.entries(value).map(([key, one]) => [key, describe(one)])];
}

interface BsonValue {
  _bsontype: string;
  toExtendedJSON?: () => unknown;
}

/** True for the driver's classes, such as ObjectId; false for a document with a field `_bsontype`. */
function isBsonValue(value: object): value is BsonValue {
  return '_bsontype' in value && !Object.hasOwn(value, '_bsontype');
}

/** True for an object with paths inside: a nested object or a subdocument. */
export function isEmbedded(value: unknown): value is Record<string, unknown> {
  if (!isObject(value) || Array.isArray(value)) return false;
  return !isBsonValue(value) && !(value instanceof Date) && !(value instanceof RegExp);
}

/** True for an object with operators, such as `{ $gt: 1 }`, instead of a value. */
export function isOperatorObject(value: unknown): value is Record<string, unknown> {
  return isEmbedded(value) && Object.keys(value).some((name) => name.startsWith('$'));
}

const NUMBERS = new Set(['Int32', 'Double', 'Long', 'Decimal128']);

/** A number of any type as an exact string; undefined for anything else. */
export function toNumberText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return toPlainNumber(String(value));
  const isNumber = isObject(value) && isBsonValue(value) && NUMBERS.has(value._bsontype);
  return isNumber ? toPlainNumber((value as { toString(): string }).toString()) : undefined;
}

/** Digits and the power of ten: `1.50`, `15E-1` and `1.5` are equal. */
function toPlainNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/i.exec(text) ?? [];
  if (whole === '') return text;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const exponent = Number(power) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${String(exponent)}`;
}
