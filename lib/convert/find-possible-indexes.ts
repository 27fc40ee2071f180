/** Which unique indexes a write could have violated, for servers that do not say which it was. Pure. */
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
    // An _id never changes; any other index clashes only where one of its paths was written.
    return !isId && (document !== undefined || paths.some((path) => isPathUpdated(write, path)));
  }
  // Only what was written: not the null that stands for a path which a document does not have.
  const written = { ...write, isComplete: false };
  const valuesOf = (path: string) =>
    findWrittenKeys(written, { [path]: 1 }, () => true)
      .flat()
      .filter(({ isFound }) => isFound);
  if (isId) return valuesOf('_id').some(({ value }) => !isMadeHere(value, newObjectId));
  // A new document is in every index, except in a sparse one of which it has no path.
  return !index.sparse || paths.some((path) => valuesOf(path).length > 0);
}

/** An ObjectId that this process made is new: its middle five bytes are the process's own. */
function isMadeHere(id: unknown, newObjectId: () => string): boolean {
  const hex = String(id);
  return /^[0-9a-f]{24}$/.test(hex) && hex.slice(8, 18) === newObjectId().slice(8, 18);
}
