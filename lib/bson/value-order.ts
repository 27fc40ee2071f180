/** Compares values as `$gt` does, and lists their types as `$type` does. Pure. */
import { isEmbedded, toNumberText } from './comparable';

/** Undefined if the server does not compare the two values, or if its order is not known here. */
export function compare(a: unknown, b: unknown, isCollated: boolean): number | undefined {
  const numberA = toNumberText(a);
  if (numberA !== undefined) {
    const numberB = toNumberText(b);
    if (numberA === numberB) return 0;
    // Not a number if `b` is none.
    const difference = Number(numberA) - Number(numberB);
    return difference === 0 || Number.isNaN(difference) ? undefined : difference;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    // By bytes, as the server without a collation; JavaScript compares UTF-16 units.
    return isCollated ? undefined : Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (typesOf(a).includes('objectId') && typesOf(b).includes('objectId')) {
    return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
  }
  return undefined;
}

const BSON_TYPES: Record<string, (string | number)[]> = {
  Int32: ['int', 16, 'number'],
  Double: ['double', 1, 'number'],
  Long: ['long', 18, 'number'],
  Decimal128: ['decimal', 19, 'number'],
  ObjectId: ['objectId', 7],
  Binary: ['binData', 5],
};

/** The names and codes that `$type` has for the value; none for a type that is rare in an index. */
export function typesOf(value: unknown): (string | number)[] {
  if (value === null) return ['null', 10];
  if (typeof value === 'string') return ['string', 2];
  if (typeof value === 'boolean') return ['bool', 8];
  if (Array.isArray(value)) return ['array', 4];
  if (value instanceof Date) return ['date', 9];
  if (isEmbedded(value)) return ['object', 3];
  // Old drivers have stored undefined.
  const { _bsontype = '' } = Object(value) as { _bsontype?: string };
  return BSON_TYPES[_bsontype] ?? [];
}
