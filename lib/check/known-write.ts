/** From what a write sent to what is known of the document that it leaves. Pure. */
import type { AnyModel } from '../mongoose-internals';
import { isAtOrBelow, isRelated, withoutPositions } from '../schema/path';
import { isPlainPath } from '../schema/plain-path';
import { findEqualities, type DocumentWrite, type UpdateWrite, type Write } from '../write/write';
import type { KnownDocument, Normalise } from './known-document';
import { toKnownUpdate } from './known-update';

/** `isInsert`: the write made a new document. Undefined for a pipeline, which says nothing. */
export function toKnownWrite(
  model: AnyModel,
  write: DocumentWrite | UpdateWrite,
  isInsert: boolean,
): KnownDocument | undefined {
  if (write.document !== undefined) return toKnownDocument(model, write);
  const normalise = normaliserFor(model);
  const known = toKnownUpdate(write, normalise, isInsert, (path) => isPlainPath(model, path));
  return known && withOwn(known, isInsert ? undefined : findOwn(write.filter, write, normalise));
}

/** The same of a document, of which all is known. */
export function toKnownDocument(model: AnyModel, write: DocumentWrite): KnownDocument {
  const normalise = normaliserFor(model);
  const { document, loaded, filter } = write;
  const normal = normalise(document);
  if (loaded !== undefined) return toKnownSave(normal, loaded, normalise);
  // A replacement keeps the _id of the document that it replaces.
  const isKnown = (path: string) => filter === undefined || path !== '_id';
  const known = { document: normal, isKnown, isChanged: isKnown };
  return withOwn(known, filter && findOwn(filter, write, normalise));
}

/** As the server would give it back: a copy, with BSON's own number types, without undefined. */
export function normaliserFor({ base }: AnyModel): Normalise {
  const { BSON } = base.mongo;
  return (value) =>
    BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }), { promoteValues: false });
}

function withOwn(known: KnownDocument, own: KnownDocument['own']): KnownDocument {
  return own === undefined ? known : { ...known, own };
}

function toKnownSave(
  document: Record<string, unknown>,
  { _id, changed, isRead }: NonNullable<Write['loaded']>,
  normalise: Normalise,
): KnownDocument {
  const paths = changed.flatMap((path) => [path, withoutPositions(path)]);
  return {
    document,
    isKnown: (path) => paths.some((one) => isAtOrBelow(path, one)) || isRead(path),
    isChanged: (path) => paths.some((one) => isRelated(path, one)),
    own: normalise({ _id }) as { _id: unknown },
  };
}

/** By its `_id`, where the filter says it, else as whatever the filter finds. */
function findOwn(
  filter: object,
  { collation }: Write,
  normalise: Normalise,
): NonNullable<KnownDocument['own']> {
  const [equality] = findEqualities(filter, '_id');
  const isExact = equality !== undefined && !(collation && typeof equality.value === 'string');
  return isExact ? (normalise({ _id: equality.value }) as { _id: unknown }) : { filter, collation };
}
