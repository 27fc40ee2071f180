/** Expressions that compare a value with what is stored, as the server compares before it writes. Pure. */
import { isPlainObject } from '../prepare/paths-and-values';

/** More numbers than this in one value are compared by what they are worth alone. */
const MOST_NUMBERS = 50;

/**
 * True where exactly this value is stored at `path`: with the same types and the same order of fields. For
 * `$eq` alone, 1 is equal to 1.0 and 0 to -0.
 */
export function toStoredValueCheck(path: string, value: unknown): object {
  const stored = `$${path}`;
  const isEqual = { $eq: [stored, { $literal: value }] };
  const types = typesOf(stored, value);
  if (types.length === 0 || types.length > MOST_NUMBERS) return isEqual;
  // A condition, so that no element is looked for in what is no array.
  return { $cond: [isEqual, { $and: types }, false] };
}

/** What else holds of each number in the value. */
function typesOf(stored: unknown, value: unknown): object[] {
  const type = typeOf(value);
  if (type !== undefined) {
    const isType = { $eq: [{ $type: stored }, type] };
    const text = toText(type, value);
    return text === undefined ? [isType] : [isType, { $eq: [{ $toString: stored }, text] }];
  }
  if (Array.isArray(value)) {
    return value.flatMap((one, place) => typesOf({ $arrayElemAt: [stored, place] }, one));
  }
  const fields = value instanceof Map ? Object.fromEntries<unknown>(value) : value;
  if (!isPlainObject(fields)) return [];
  return Object.entries(fields)
    .filter(([name]) => /^[^$.][^.]*$/.test(name))
    .flatMap(([name, one]) =>
      typesOf({ $let: { vars: { object: stored }, in: `$$object.${name}` } }, one),
    );
}

/** As the driver sends it; undefined for what is no number. */
function typeOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return 'long';
  if (typeof value === 'number') {
    const isInt = (value | 0) === value && !Object.is(value, -0);
    return isInt ? 'int' : 'double';
  }
  if (typeof value !== 'object' || value === null || !('_bsontype' in value)) return undefined;
  return NUMBERS[String(value._bsontype)];
}

const NUMBERS: Record<string, string> = {
  Int32: 'int',
  Double: 'double',
  Long: 'long',
  Decimal128: 'decimal',
};

/** 1.0 and 1.00 are two decimals, 0 and -0 two doubles. */
function toText(type: string, value: unknown): string | undefined {
  if (type === 'decimal') return String(value);
  if (type !== 'double' || Number(value) !== 0) return undefined;
  return Object.is(Number(value), -0) ? '-0' : '0';
}
