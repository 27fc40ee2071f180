/** Finds the paths that validation and middleware changed, beside those that the input gives. */
import { isObjectId, sameValueFor, type IsSameValue } from '../../bson/same-value';
import {
  findStoredValues,
  listAtomics,
  listElements,
  listSubdocuments,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../../mongoose-internals';
import { timestampPaths } from '../../schema/kept-paths';
import { findPathType, isAtOrBelow, prefixesOf } from '../../schema/path';
import {
  isPlainObject,
  outermost,
  splitAtLastDot,
  toWritablePath,
  valueAt,
  type Fields,
} from './paths-and-values';
import { type UpsertSource } from './to-operators';

/** The document after validation and middleware, as it is sent to the server, and its changed paths. */
export interface Changes extends Pick<UpsertSource, 'document' | 'paths' | 'additions'> {
  /**
   * The `updatedAt` of subdocuments that middleware changed, although the input does not give them, and the
   * path of each subdocument. They are not among `paths`.
   */
  times: Map<string, string>;
}

export interface Snapshot {
  /**
   * A deep copy of the document as the server would return it, with Maps as objects. It keeps empty objects:
   * otherwise a value that is set inside one would look like a new object and replace the stored one.
   */
  values: Fields;
  /** The subdocuments in arrays and Maps, by their paths. */
  elements: Map<string, AnyDocument>;
}

export function takeSnapshot({ base }: AnyModel, document: AnyDocument): Snapshot {
  const { BSON } = base.mongo;
  const values = findFlatValues(document) ?? document.toObject(WITH_EMPTY_OBJECTS);
  return {
    values: BSON.deserialize(BSON.serialize(values, { ignoreUndefined: true })),
    elements: listElements(document),
  };
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
  return { document: after, paths, additions: new Map(), times: new Map() };
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
  const { values: now, elements } = takeSnapshot(model, document);
  // Which elements are stored is not known: what middleware does to those of a default is not for them.
  for (const [path, element] of elements) {
    if (before.elements.get(path) !== element) continue;
    const [parent, name] = splitAtLastDot(path);
    (valueAt(now, parent) as Fields)[name] = valueAt(before.values, path);
  }
  const isSame = sameValueFor(model);
  // An element is written as a whole.
  const toElement = (path: string) => prefixesOf(path).find((one) => elements.has(one)) ?? path;
  const changed = diff(before.values, now, isSame)
    .map(toElement)
    .filter((path) => !isBelowAny(given, path));
  const additions: Changes['additions'] = new Map();
  for (const path of changed) {
    const added = findAddition(document, after, path);
    const others = added && (valueAt(now, path) as unknown[]).slice(0, -added.elements.length);
    // Mongoose's list of array changes does not report an element that was changed in place.
    if (added && isSame(valueAt(before.values, path), others)) additions.set(path, added);
  }
  const times = findTimes(document, new Set(changed));
  const written = [...given, ...changed.filter((path) => !times.has(path))];
  const paths = outermost(written.map((path) => toWritablePath(after, path)));
  return { document: after, paths, additions, times };
}

/** The changed paths that are the `updatedAt` of a subdocument. */
function findTimes(document: AnyDocument, changed: Set<string>): Map<string, string> {
  const times = new Map<string, string>();
  for (const [place, subdocument] of changed.size > 0 ? listSubdocuments(document) : []) {
    const path = place.slice(1);
    const time = `${path}.${String(timestampPaths(subdocument.constructor.schema).updatedAt)}`;
    if (changed.has(time)) times.set(time, path);
  }
  return times;
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
