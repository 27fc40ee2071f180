/** Which index was violated: by its key pattern, else by its name. Pure. */
import { isSamePattern, type UniqueIndex } from '../schema/unique-index';
import type { DuplicateKey } from './parse-duplicate-key';

export interface ViolatedIndex {
  name: string | undefined;
  keyPattern: Record<string, unknown>;
  isCollated: boolean;
}

/**
 * The violated index: by the server's keyPattern, else by its name among the declared ones. Never a
 * guess: undefined where neither tells it.
 */
export function findViolatedIndex(
  key: DuplicateKey,
  indexes: UniqueIndex[],
): ViolatedIndex | undefined {
  const { keyPattern, indexName: name } = key;
  const named = indexes.find((index) => index.name === name);
  if (keyPattern === undefined) return named && toViolatedIndex(named);
  const declared =
    named && isSamePattern(named.keyPattern, keyPattern)
      ? named
      : indexes.find((index) => isSamePattern(index.keyPattern, keyPattern));
  return {
    name: name ?? declared?.name,
    keyPattern,
    isCollated: declared?.collation !== undefined,
  };
}

export function toViolatedIndex({ name, keyPattern, collation }: UniqueIndex): ViolatedIndex {
  // A copy: it goes out on the error, and the schema's own must stay as it is.
  return { name, keyPattern: { ...keyPattern }, isCollated: collation !== undefined };
}
