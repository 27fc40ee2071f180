/** A value as the server keeps it in an index and prints it, and as the user wrote it. Pure. */
import { isEmbedded } from '../bson/comparable';
import { isObjectId } from '../bson/same-value';
import type { KeyPart } from '../schema/index-keys';

/** Under a collation the server keeps a sort key of each string, also inside an object. */
export function mayBeEncoded(value: unknown): boolean {
  return typeof value === 'string' || Array.isArray(value) || isEmbedded(value);
}

/** The user wrote a UUID or a Buffer; Mongoose and the server have it as a Binary. */
export function toUserValue(value: unknown): unknown {
  const isBinary = typeof value === 'object' && value !== null && 'sub_type' in value;
  if (!isBinary || Buffer.isBuffer(value)) return value;
  const { sub_type: subType, buffer, position } = value as BinaryValue;
  if (subType === 4 && 'toUUID' in value) return (value.toUUID as () => unknown)();
  return Buffer.from(buffer.subarray(0, position));
}

/** By structure: the driver may be another copy. */
interface BinaryValue {
  sub_type: number;
  buffer: Uint8Array;
  position: number;
}

/** The key as the server prints it in its message, which is compared as a whole and never split. */
export function toKeyText(parts: KeyPart[], isCollated: boolean): string | undefined {
  const printed = parts.flatMap(({ indexPath, value }) => {
    const text = isCollated && typeof value === 'string' ? undefined : toValueText(value);
    return text === undefined ? [] : [`${indexPath}: ${text}`];
  });
  return printed.length === parts.length ? `{ ${printed.join(', ')} }` : undefined;
}

/** For the types whose print cannot be mistaken. */
function toValueText(value: unknown): string | undefined {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'boolean' || value === null || Number.isInteger(value)) return String(value);
  return isObjectId(value) ? `ObjectId('${value.toHexString()}')` : undefined;
}
