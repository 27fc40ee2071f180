/** Aggregation expressions that compare a value with the stored one, types included. Pure. */
import { isPlainObject } from '../prepare/paths-and-values';

/** If a value contains more numbers than this, their types are not compared. */
const MOST_NUMBERS = 50;

/**
 * An expression that is true if exactly this value is stored at `path`, with the same types and the same
 * order of fields. `$eq` alone considers 1 equal to 1.0, and 0 equal to -0. The expression `sent` has the
 * value.
 */
export function toStoredValueCheck(path: string, value: unknown, sent: string | object): object {
  const stored = `$${path}`;
  const isEqual = { $eq: [stored, sent] };
  const types = toTypeChecks(path, value);
  if (types.length === 0) return isEqual;
  // `$cond`, because `$arrayElemAt` fails on a stored value that is not an array.
  return { $cond: [isEqual, { $and: types }, false] };
}

/** The conditions that `$eq` leaves out; none if the value contains too many numbers. */
export function toTypeChecks(path: string, value: unknown): object[] {
  const types = typesOf(`$${path}`, value);
  return types.length > MOST_NUMBERS ? [] : types;
}

/** The conditions on the type, and if needed on the digits, of each number in the value. */
function typesOf(stored: unknown, value: unknown): object[] {
  const type = typeOf(value);
  if (type !== undefined) {
    const isType = { $eq: [{ $type: stored }, type] };
    const text = toText(type, value);
    return text === undefined ? [isType] : [isType, { $eq: [{ $toString: stored }, text] }];
  }
  if (Array.isArray(value)) {
    return value.flatMap((one, index) => typesOf({ $arrayElemAt: [stored, index] }, one));
  }
  const fields = value instanceof Map ? Object.fromEntries<unknown>(value) : value;
  if (!isPlainObject(fields)) return [];
  return Object.entries(fields)
    .filter(([name]) => isPlainName(name))
    .flatMap(([name, one]) =>
      typesOf({ $let: { vars: { object: stored }, in: `$$object.${name}` } }, one),
    );
}

/** In an expression, a name with `$` at its start or a dot has another meaning, and an empty one is an error. */
export function isPlainName(name: string): boolean {
  return /^[^$.][^.]*$/.test(name);
}

/** The BSON type that the driver sends; undefined if the value is not a number. */
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

/** For values that differ only as strings: the decimals 1.0 and 1.00, the doubles 0 and -0. */
function toText(type: string, value: unknown): string | undefined {
  if (type === 'decimal') return String(value);
  if (type !== 'double' || Number(value) !== 0) return undefined;
  return Object.is(Number(value), -0) ? '-0' : '0';
}
