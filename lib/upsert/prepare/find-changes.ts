/** Finds the paths that validation and middleware changed, beside those that the input gives. */
import { isObjectId, sameValueFor, type IsSameValue } from '../../bson/same-value';
import {
  findStoredValues,
  listAtomics,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../../mongoose-internals';
import { findPathType, isAtOrBelow } from '../../schema/path';
import { isPlainObject, outermost, toWritablePath, valueAt, type Fields } from './paths-and-values';
import { type UpsertSource } from './to-operators';

/** The document after validation and middleware, as it is sent to the server, and its changed paths. */
export type Changes = Pick<UpsertSource, 'document' | 'paths' | 'additions'>;

/**
 * A deep copy of the document as the server would return it, with Maps as objects. It keeps empty objects:
 * otherwise a value that is set inside one would look like a new object and replace the stored one.
 */
export type Snapshot = Record<string, unknown>;

export function takeSnapshot({ base }: AnyModel, document: AnyDocument): Snapshot {
  const { BSON } = base.mongo;
  const values = findFlatValues(document) ?? document.toObject(WITH_EMPTY_OBJECTS);
  return BSON.deserialize(BSON.serialize(values, { ignoreUndefined: true }));
}

/** The same as `toBSON()`, except for `minimize`. They override the schema's options for `toObject()`. */
const WITH_EMPTY_OBJECTS = {
  transform: false,
  virtuals: false,
  getters: false,
  depopulate: true,
  flattenDecimals: false,
  flattenMaps: false,
  flattenObjectIds: false,
  flattenUUIDs: false,
  useProjection: false,
  versionKey: true,
  minimize: false,
};

/** For a document that neither validation nor middleware can change: only the given paths. */
export function toChanges(document: AnyDocument, given: string[]): Changes {
  const after = toSent(document);
  const paths = outermost(given.map((path) => toWritablePath(after, path)));
  return { document: after, paths, additions: new Map() };
}

/**
 * The document as `toBSON()` returns it. A flat document is only copied, because `toBSON()` takes most of
 * the time of an upsert, apart from Mongoose's document itself.
 */
function toSent(document: AnyDocument): Fields {
  const flat = findFlatValues(document);
  return flat ? { ...flat } : document.toBSON();
}

function findFlatValues(document: AnyDocument): Fields | undefined {
  const values = findStoredValues(document);
  return values && Object.values(values).every(isSentAsItIs) ? values : undefined;
}

function isSentAsItIs(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined;
  return value instanceof Date || isObjectId(value);
}

/** The given paths, and those whose value differs from `before`. */
export function findChanges(
  model: AnyModel,
  document: AnyDocument,
  before: Snapshot,
  given: string[],
): Changes {
  const after = toSent(document);
  const now = takeSnapshot(model, document);
  const isSame = sameValueFor(model);
  const changed = diff(before, now, isSame).filter((path) => !isBelowAny(given, path));
  const additions: Changes['additions'] = new Map();
  for (const path of changed) {
    const added = findAddition(document, after, path);
    const others = added && (valueAt(now, path) as unknown[]).slice(0, -added.elements.length);
    // Mongoose's list of array changes does not report an element that was changed in place.
    if (added && isSame(valueAt(before, path), others)) additions.set(path, added);
  }
  const paths = outermost([...given, ...changed].map((path) => toWritablePath(after, path)));
  return { document: after, paths, additions };
}

/** The paths at which two documents differ; an array is one value. */
function diff(before: unknown, after: unknown, isSame: IsSameValue): string[] {
  if (!isPlainObject(before) || !isPlainObject(after)) return isSame(before, after) ? [] : [''];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    diff(before[key], after[key], isSame).map((below) => (below === '' ? key : `${key}.${below}`)),
  );
}

/** True if `path` is one of `paths` or below one of them. */
export function isBelowAny(paths: readonly string[], path: string): boolean {
  return paths.some((one) => isAtOrBelow(path, one));
}

function findAddition(document: AnyDocument, after: Record<string, unknown>, path: string) {
  const array = document.get(path, null, { getters: false });
  // In a Mixed path it is a plain array, whose changes Mongoose does not track.
  const isKept = findPathType(document.constructor.schema as AnySchema, path)?.instance === 'Array';
  const [atomic, ...others] = isKept && Array.isArray(array) ? listAtomics(array) : [];
  const elements = valueAt(after, path);
  if (atomic === undefined || others.length > 0 || !Array.isArray(elements)) return undefined;
  const [operator, operand] = atomic;
  if (operator !== '$push' && operator !== '$addToSet') return undefined;
  const { $each, $position } = operand as { $each?: unknown[]; $position?: number };
  if ($each === undefined || $position !== undefined) return undefined;
  return { operator, elements: elements.slice(-$each.length) as unknown[] } as const;
}
