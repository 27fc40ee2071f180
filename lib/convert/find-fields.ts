/** Stage 3: meets the schema. Which index was violated, on which paths, and what was written there. */
import { isObjectId, type IsSameValue } from '../bson/same-value';
import {
  findWrittenValues,
  isPathUpdated,
  type Write,
  type WrittenValue,
} from '../write/written-value';
import type { ViolatedIndex } from './match-index';
import type { DuplicateKey } from './parse-duplicate-key';

/** One path of the violated index, with the element's place where it lies in an array. */
export interface FieldError {
  /** The path as the index declares it. */
  indexPath: string;
  path: string;
  value: unknown;
}

/** One entry for each path of the index; a value that nothing tells is undefined, never a guess. */
export function findFieldErrors(
  index: ViolatedIndex,
  key: Pick<DuplicateKey, 'keyValue' | 'keyText'>,
  write: Write,
  isSameValue: IsSameValue,
): FieldError[] {
  const indexPaths = Object.keys(index.keyPattern);
  // If the update changes any indexed path of a document that exists, nobody knows whether the
  // upsert inserted; if it changes none, only an insert can have clashed.
  const mayHaveUpdated = indexPaths.some((indexPath) => isPathUpdated(write, indexPath));
  return indexPaths.map((indexPath) => {
    const written = findWrittenValues(write, indexPath);
    const told = key.keyValue.get(indexPath);
    if (told !== undefined && !(index.isCollated && typeof told === 'string')) {
      const match = written.find(({ value }) => isSameValue(value, told));
      const value = match ? match.value : told;
      return { indexPath, path: match?.path ?? indexPath, value: toUserValue(value) };
    }
    const certain = written.filter(({ isInsertOnly }) => !(isInsertOnly && mayHaveUpdated));
    const chosen = chooseOne(certain, indexPaths, key.keyText);
    return { indexPath, path: chosen?.path ?? indexPath, value: toUserValue(chosen?.value) };
  });
}

/** Mongoose 8 keeps a UUID as the Binary that it sends; the user wrote a UUID. */
function toUserValue(value: unknown): unknown {
  const isBinary = typeof value === 'object' && value !== null && 'sub_type' in value;
  const isUuid = isBinary && value.sub_type === 4 && 'toUUID' in value;
  return isUuid ? (value.toUUID as () => unknown)() : value;
}

function chooseOne(
  written: WrittenValue[],
  indexPaths: string[],
  keyText: string | undefined,
): WrittenValue | undefined {
  if (written.length <= 1) return written[0];
  const [indexPath, ...others] = indexPaths;
  if (indexPath === undefined || others.length > 0) return undefined;
  // Of several elements the text can confirm one. It is compared whole, never taken apart.
  return written.find(({ value }) => {
    const text = toKeyText(value);
    return text !== undefined && keyText === `{ ${indexPath}: ${text} }`;
  });
}

/** How the server prints a value, for the types whose print cannot be mistaken. */
function toKeyText(value: unknown): string | undefined {
  if (typeof value === 'string') return `"${value}"`;
  if (typeof value === 'boolean' || value === null || Number.isInteger(value)) return String(value);
  return isObjectId(value) ? `ObjectId('${value.toHexString()}')` : undefined;
}
