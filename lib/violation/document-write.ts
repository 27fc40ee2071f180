/** What a save of a document writes, read from the document itself. */
import type { DocumentWrite, Write } from '../error/written-value';
import type { AnyModel } from '../options';
import { isAtOrBelow } from '../schema/path';

/** What is read here of a Mongoose document; Mongoose's own type of "some document" is `any` throughout. */
export interface AnyDocument {
  constructor: AnyModel;
  _id: unknown;
  /** The values themselves, without getters. */
  _doc: Record<string, unknown>;
  isNew: boolean;
  $__: {
    saveOptions?: { pathsToSave?: string[]; [option: string]: unknown } | null;
    /** The projection that the document was read with. */
    selected?: Record<string, unknown>;
    /** What could not be cast. */
    validationError?: { errors: Record<string, { name: string }> } | null;
  };
  /** The document as it is sent to the server: no getters, references instead of documents. */
  toBSON(): object;
  directModifiedPaths(): string[];
  isSelected(path: string): boolean;
  $session(): unknown;
}

/** Of a document that was loaded a save writes the changed paths alone. */
export function toDocumentWrite(document: AnyDocument): DocumentWrite {
  if (document.isNew) {
    return withDocument({ mayInsert: true, isComplete: true, peek: toPeek(document) }, document);
  }
  const { selected = {}, saveOptions } = document.$__;
  const only = saveOptions?.pathsToSave;
  const changed = document
    .directModifiedPaths()
    .filter((path) => only?.some((one) => isAtOrBelow(path, one)) ?? true);
  const isRead = (path: string): boolean =>
    document.isSelected(path) &&
    Object.entries(selected).every(
      // A part of what lies there, some elements of an array, or another value in its place.
      ([key, how]) =>
        !(isAtOrBelow(key, path) && key !== path) &&
        !(['object', 'string'].includes(typeof how) && isAtOrBelow(path, key)) &&
        !(key.endsWith('.$') && isAtOrBelow(path, key.slice(0, -2))),
    );
  const loaded = { _id: document._id, changed, isRead };
  return withDocument({ mayInsert: false, loaded, peek: toPeek(document) }, document);
}

/** Made when it is asked for: for most errors a single value of it is enough. */
function withDocument(write: Write, document: AnyDocument): DocumentWrite {
  let made: object | undefined;
  return Object.defineProperty(write, 'document', {
    enumerable: true,
    get: () => (made ??= document.toBSON()),
  }) as DocumentWrite;
}

/** What is stored as it stands in the document; any other value has a form of its own for the server. */
function toPeek({ _doc }: AnyDocument): NonNullable<Write['peek']> {
  return (path) => {
    const value = Object.hasOwn(_doc, path) ? _doc[path] : undefined;
    const isPlain =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isPlain ? value : undefined;
  };
}
