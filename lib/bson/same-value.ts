import { toNumberText } from './comparable';
import type { AnyModel } from '../mongoose-internals';

/** Says whether two values are one on the server, whatever class each side holds them in. */
export type IsSameValue = (a: unknown, b: unknown) => boolean;

/** Compares as BSON: the server's answer holds other classes than a document (Long and number). */
export function sameValueFor({ base }: AnyModel): IsSameValue {
  const { EJSON } = base.mongo.BSON;
  return (a, b) => {
    if (a === b) return true;
    if (typeof a === 'string' && typeof b === 'string') return false;
    const number = toNumberText(a);
    if (number !== undefined) return number === toNumberText(b);
    if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
    return EJSON.stringify({ value: a }) === EJSON.stringify({ value: b });
  };
}

/**
 * Compares what is sent for two values: types and the order of fields count, too. The driver sends null for
 * what is undefined inside an object.
 */
export function sameBytesFor({ base }: AnyModel): IsSameValue {
  const { BSON } = base.mongo;
  const toBytes = (value: unknown) => BSON.serialize({ value }, { ignoreUndefined: false });
  return (a, b) => {
    if (Object.is(a, b)) return true;
    if ([a, b].some((one) => one === undefined || typeof one === 'string')) return false;
    if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
    return Buffer.compare(toBytes(a), toBytes(b)) === 0;
  };
}

/** By structure: the driver may be another copy. */
export function isObjectId(value: unknown): value is { toHexString(): string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    '_bsontype' in value &&
    value._bsontype === 'ObjectId'
  );
}
