/** Finds the unique indexes that a write can violate, for servers that do not report the index. Pure. */
import type { UniqueIndex } from '../schema/unique-index';
import { isPathUpdated, type Write } from '../write/write';
import { findWrittenKeys } from '../write/written-keys';

export function findPossibleIndexes(
  indexes: UniqueIndex[],
  write: Write,
  newObjectId: () => string,
): UniqueIndex[] {
  return indexes.filter((index) => isPossible(index, write, newObjectId));
}

function isPossible(index: UniqueIndex, write: Write, newObjectId: () => string): boolean {
  const { document, update, mayInsert } = write;
  if (document === undefined && update === undefined) return true;
  const paths = Object.keys(index.keyPattern);
  const isId = index.name === '_id_';
  if (mayInsert === false) {
    // An _id never changes. Another index can only be violated if one of its paths was written.
    return !isId && (document !== undefined || paths.some((path) => isPathUpdated(write, path)));
  }
  // Only written values, not the null of a missing path.
  const valuesOf = (path: string) =>
    findWrittenKeys(write, { [path]: 1 })
      .flat()
      .filter(({ isFound }) => isFound);
  if (isId) return valuesOf('_id').some(({ value }) => !isGeneratedHere(value, newObjectId));
  // A new document is in every index, except in a sparse index if it has none of the paths.
  return !index.sparse || paths.some((path) => valuesOf(path).length > 0);
}

/** True for an ObjectId of this process, which is new: the middle five bytes identify the process. */
function isGeneratedHere(id: unknown, newObjectId: () => string): boolean {
  const hex = String(id);
  return /^[0-9a-f]{24}$/.test(hex) && hex.slice(8, 18) === newObjectId().slice(8, 18);
}
