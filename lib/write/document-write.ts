/** What a save of a document writes, read from the document itself. */
import {
  findProjection,
  findSaveOptions,
  findStoredValues,
  listModifiedPaths,
  type AnyDocument,
} from '../mongoose-internals';
import { isAtOrBelow } from '../schema/path';
import type { DocumentWrite, Write } from './write';

/** A save of a loaded document writes only the changed paths. */
export function toDocumentWrite(document: AnyDocument): DocumentWrite {
  if (document.isNew) {
    return withDocument({ mayInsert: true, isComplete: true, peek: toPeek(document) }, document);
  }
  const only = findSaveOptions(document)?.pathsToSave;
  const selected = findProjection(document) ?? {};
  const changed = listModifiedPaths(document).paths.filter(
    (path) => only?.some((one) => isAtOrBelow(path, one)) ?? true,
  );
  const isRead = (path: string): boolean =>
    document.isSelected(path) &&
    Object.entries(selected).every(
      // The projection returns a part of the value, some array elements, or another value.
      ([key, how]) =>
        !(isAtOrBelow(key, path) && key !== path) &&
        !(['object', 'string'].includes(typeof how) && isAtOrBelow(path, key)) &&
        !(key.endsWith('.$') && isAtOrBelow(path, key.slice(0, -2))),
    );
  const loaded = { _id: document._id, changed, isRead };
  return withDocument({ mayInsert: false, loaded, peek: toPeek(document) }, document);
}

/** Creates `document` when it is first read: most errors need only a single value of it. */
function withDocument(write: Write, document: AnyDocument): DocumentWrite {
  let made: object | undefined;
  return Object.defineProperty(write, 'document', {
    enumerable: true,
    get: () => (made ??= document.toBSON()),
  }) as DocumentWrite;
}

/** Reads strings, numbers and booleans, which are stored unchanged. Other values may be converted. */
function toPeek(document: AnyDocument): NonNullable<Write['peek']> {
  const values = findStoredValues(document) ?? {};
  return (path) => {
    const value = Object.hasOwn(values, path) ? values[path] : undefined;
    const isPlain =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isPlain ? value : undefined;
  };
}
