/** From what a write sent to what is known of the document that it leaves. Pure. */
import { findEqualities, type Write } from '../error/written-value';
import type { AnyModel } from '../options';
import { findPathType, isAtOrBelow, prefixesOf } from '../schema/path';
import { schemasOf } from '../schema/unique-index';
import { isRelated, withoutPlaces, type KnownDocument, type Normalise } from './known-document';
import { toKnownUpdate } from './known-update';

/** `isInsert`: the write made a new document. Undefined where it tells nothing: a pipeline. */
export function toKnownWrite(
  model: AnyModel,
  write: Write,
  isInsert: boolean,
): KnownDocument | undefined {
  const normalise = normaliserFor(model);
  const { document, loaded, filter } = write;
  if (document === undefined) {
    const known = toKnownUpdate(write, normalise, isInsert, (path) => isPlainPath(model, path));
    return known && withOwn(known, isInsert ? undefined : findOwn(write, normalise));
  }
  const normal = normalise(document);
  if (loaded !== undefined) return toKnownSave(normal, loaded, normalise);
  // A replacement keeps the _id of the document that it replaces.
  const isTold = (path: string) => filter === undefined || path !== '_id';
  const known = { document: normal, isKnown: isTold, isChanged: isTold };
  return withOwn(known, filter && findOwn(write, normalise));
}

/** As the server would give it back: a copy, with BSON's own number types, without undefined. */
export function normaliserFor({ base }: AnyModel): Normalise {
  const { BSON } = base.mongo;
  return (value) =>
    BSON.deserialize(BSON.serialize(value, { ignoreUndefined: true }), { promoteValues: false });
}

const MANY = new Set(['Array', 'Mixed', 'Map']);

/** A declared path that holds one value, so that equality in a filter tells that value. */
function isPlainPath(model: AnyModel, path: string): boolean {
  const typesAt = (prefix: string) =>
    schemasOf(model).flatMap((schema) => findPathType(schema, prefix) ?? []);
  const isMany = prefixesOf(path).some((prefix) =>
    typesAt(prefix).some(({ instance = '' }) => MANY.has(instance)),
  );
  return !isMany && typesAt(path).length > 0;
}

function withOwn(known: KnownDocument, own: KnownDocument['own']): KnownDocument {
  return own === undefined ? known : { ...known, own };
}

function toKnownSave(
  document: Record<string, unknown>,
  { _id, changed, isRead }: NonNullable<Write['loaded']>,
  normalise: Normalise,
): KnownDocument {
  const paths = changed.flatMap((path) => [path, withoutPlaces(path)]);
  return {
    document,
    isKnown: (path) => paths.some((one) => isAtOrBelow(path, one)) || isRead(path),
    isChanged: (path) => paths.some((one) => isRelated(path, one)),
    own: normalise({ _id }) as { _id: unknown },
  };
}

/** By its `_id`, where the filter says it, else as whatever the filter finds. */
function findOwn(write: Write, normalise: Normalise): NonNullable<KnownDocument['own']> {
  const { filter = {}, collation } = write;
  const [equality] = findEqualities(filter, '_id');
  const isExact = equality !== undefined && !(collation && typeof equality.value === 'string');
  return isExact ? (normalise({ _id: equality.value }) as { _id: unknown }) : { filter, collation };
}
