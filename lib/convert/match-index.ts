/** Finds the violated index by its key pattern or its name. Pure. */
import { isSamePattern, type UniqueIndex } from '../schema/unique-index';
import type { DuplicateKey } from './parse-duplicate-key';

export interface ViolatedIndex {
  name: string | undefined;
  keyPattern: Record<string, unknown>;
  isCollated: boolean;
}

/**
 * The violated index: by the server's keyPattern, else by its name among the declared indexes. Undefined if
 * neither identifies it.
 */
export function findViolatedIndex(
  key: DuplicateKey,
  indexes: UniqueIndex[],
): ViolatedIndex | undefined {
  const { keyPattern, indexName: name } = key;
  const named = indexes.find((index) => index.name === name);
  if (keyPattern === undefined) return named && toViolatedIndex(named);
  const declared = [...(named ? [named] : []), ...indexes].find((index) =>
    isSamePattern(toStoredPattern(index.keyPattern), keyPattern),
  );
  if (declared !== undefined) return { ...toViolatedIndex(declared), name: name ?? declared.name };
  // Only the schema knows the paths of a text index.
  if ('_fts' in keyPattern) return undefined;
  return { name, keyPattern: toPlainPattern(keyPattern), isCollated: false };
}

export function toViolatedIndex({ name, keyPattern, collation }: UniqueIndex): ViolatedIndex {
  // A copy, because it becomes part of the error, and users must not change the schema with it.
  return { name, keyPattern: { ...keyPattern }, isCollated: collation !== undefined };
}

/** In its key pattern, the server replaces the paths of a text index with two fixed names. */
function toStoredPattern(keyPattern: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(keyPattern).flatMap(([path, direction]) =>
      direction === 'text'
        ? [
            ['_fts', 'text'],
            ['_ftsx', 1],
          ]
        : [[path, direction]],
    ),
  );
}

/** With `promoteValues: false` the driver returns numbers as objects. */
function toPlainPattern(keyPattern: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(keyPattern).map(([path, direction]) => [
      path,
      typeof direction === 'object' ? Number(direction) : direction,
    ]),
  );
}
