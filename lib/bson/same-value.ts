import { isObject } from '../options/is-object';
import { toNumberText } from './comparable';
import type { AnyModel } from '../mongoose-internals';

/** Returns true if two values are the same on the server, even if their JavaScript classes differ. */
export type IsSameValue = (a: unknown, b: unknown) => boolean;

/** Compares as BSON, because the server's results use other classes than a document, such as Long. */
export function sameValueFor({ base }: AnyModel): IsSameValue {
  const { EJSON } = base.mongo.BSON;
  return (a, b) => {
    if (a === b) return true;
    // JSON has no undefined, and would show a missing value as null.
    if (a === undefined || b === undefined || typeof a === 'string') return false;
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
    // A stored integer as the driver reads it; it sends -0 as a Double.
    if (typeof a === 'number' && isInt32(b)) return a === b.value && !Object.is(a, -0);
    return Buffer.compare(toBytes(a), toBytes(b)) === 0;
  };
}

function isInt32(value: unknown): value is { value: number } {
  return isOfBsonType(value, 'Int32');
}

export function isObjectId(value: unknown): value is { toHexString(): string } {
  return isOfBsonType(value, 'ObjectId');
}

/** By structure: the driver may be another copy. */
function isOfBsonType(value: unknown, type: string): boolean {
  return isObject(value) && value['_bsontype'] === type;
}
