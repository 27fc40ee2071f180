/** Converts a write to the known part of the document after it. Pure. */
import type { AnyModel } from '../mongoose-internals';
import { isAtOrBelow, isRelated, withoutPositions } from '../schema/path';
import { isPlainPath } from '../schema/plain-path';
import { findEqualities, type DocumentWrite, type UpdateWrite, type Write } from '../write/write';
import type { KnownDocument, Normalize } from './known-document';
import { toKnownUpdate } from './known-update';

/** `isInsert`: the write inserted a document. Undefined for a pipeline, whose values are not known. */
export function toKnownWrite(
  model: AnyModel,
  write: DocumentWrite | UpdateWrite,
  isInsert: boolean,
): KnownDocument | undefined {
  if (write.document !== undefined) return toKnownDocument(model, write);
  const normalize = normalizerFor(model);
  const known = toKnownUpdate(write, normalize, isInsert, (path) => isPlainPath(model, path));
  return (
    known && withExcluded(known, isInsert ? undefined : toExcluded(write.filter, write, normalize))
  );
}

/** The same for a save or a replacement. */
export function toKnownDocument(model: AnyModel, write: DocumentWrite): KnownDocument {
  const normalize = normalizerFor(model);
  const { document, loaded, filter } = write;
  const normal = normalize(document);
  if (loaded !== undefined) return toKnownSave(normal, loaded, normalize);
  // A replacement keeps the _id of the document that it replaces.
  const isKnown = (path: string) => filter === undefined || path !== '_id';
  const known = { document: normal, isKnown, isChanged: isKnown };
  return withExcluded(known, filter && toExcluded(filter, write, normalize));
}

/** Copies a value as the server would return it: with BSON's number types, without undefined. */
export function normalizerFor({ base }: AnyModel): Normalize {
  const { BSON } = base.mongo;
  return (value) =>
    BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }), { promoteValues: false });
}

function withExcluded(known: KnownDocument, excluded: KnownDocument['excluded']): KnownDocument {
  return excluded === undefined ? known : { ...known, excluded };
}

function toKnownSave(
  document: Record<string, unknown>,
  { _id, changed, isRead }: NonNullable<Write['loaded']>,
  normalize: Normalize,
): KnownDocument {
  const paths = changed.flatMap((path) => [path, withoutPositions(path)]);
  return {
    document,
    isKnown: (path) => paths.some((one) => isAtOrBelow(path, one)) || isRead(path),
    isChanged: (path) => paths.some((one) => isRelated(path, one)),
    excluded: normalize({ _id }) as { _id: unknown },
  };
}

/** The written document: by its `_id` if the filter has it, else by the filter. */
function toExcluded(
  filter: object,
  { collation }: Write,
  normalize: Normalize,
): NonNullable<KnownDocument['excluded']> {
  const [equality] = findEqualities(filter, '_id');
  const isExact = equality !== undefined && !(collation && typeof equality.value === 'string');
  return isExact ? (normalize({ _id: equality.value }) as { _id: unknown }) : { filter, collation };
}
