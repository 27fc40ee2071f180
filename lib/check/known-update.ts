/** Reads the known part of a document from an update and the equality conditions of its filter. Pure. */
import { isEmbedded } from '../bson/comparable';
import { isAtOrBelow, isRelated, withoutPositions } from '../schema/path';
import { findEqualities, type UpdateWrite } from '../write/write';
import type { KnownDocument, Normalize } from './known-document';

interface Assignment {
  path: string;
  /** False if an operator computes the value, or if it is one element of an array. */
  isKnown: boolean;
  /** True for a string of the filter, which is only equal to the stored one under the filter's collation. */
  isCollated?: boolean;
}

/** `isInsert`: no document existed, so paths that are not written are missing. Undefined for a pipeline. */
export function toKnownUpdate(
  { update, filter, collation: ofFilter }: UpdateWrite,
  normalize: Normalize,
  isInsert: boolean,
  isPlainPath: (path: string) => boolean,
): KnownDocument | undefined {
  if (Array.isArray(update)) return undefined;
  const document: Record<string, unknown> = {};
  const written = Object.entries(normalize(update)).flatMap(([operator, operand]) =>
    // Mongoose rejects an operator whose operand is not an object.
    Object.entries(operand as object).flatMap(([path, value]) =>
      assign(document, operator, path, value, isInsert),
    ),
  );
  const { equalities, isComplete } = readFilter(filter);
  const assignments = [...written];
  for (const [path, given] of Object.entries(normalize(equalities))) {
    if (written.some((one) => isRelated(one.path, path))) continue;
    // An equality identifies one element of an array, and not the stored form of a nested value.
    const isKnown = isPlainPath(path) && !isEmbedded(given) && !Array.isArray(given);
    if (isKnown) setAt(document, path, given);
    assignments.push({ path, isKnown, isCollated: typeof given === 'string' });
  }
  return {
    document,
    isKnown: (path, collation) => {
      const related = assignments.filter((one) => isRelated(one.path, path));
      if (related.length === 0) return isInsert && isComplete;
      const isSameCollation =
        JSON.stringify(collation) === JSON.stringify(ofFilter) || ofFilter === undefined;
      return related.every(
        (one) => one.isKnown && isAtOrBelow(path, one.path) && (isSameCollation || !one.isCollated),
      );
    },
    isChanged: (path) => isInsert || written.some((one) => isRelated(one.path, path)),
  };
}

/** Sets the value in `document` if the operator states it. */
function assign(
  document: Record<string, unknown>,
  operator: string,
  path: string,
  value: unknown,
  isInsert: boolean,
): Assignment | Assignment[] {
  const unknown = { path: withoutPositions(path.replace(/\.\$.*/s, '')), isKnown: false };
  // An upsert that found a document does not write $setOnInsert.
  if (operator === '$setOnInsert' && !isInsert) return unknown;
  if (operator === '$rename') return [unknown, { path: String(value), isKnown: false }];
  if (path.includes('$') || withoutPositions(path) !== path) return unknown;
  if (operator === '$unset') return { path, isKnown: true };
  const elements =
    operator === '$push' || operator === '$addToSet' ? addedElements(value) : undefined;
  if (elements === undefined && operator !== '$set' && operator !== '$setOnInsert') return unknown;
  setAt(document, path, elements ?? value);
  return { path, isKnown: true };
}

/** The elements that the array has after the write; undefined if $slice may have removed them. */
function addedElements(value: unknown): unknown[] | undefined {
  if (!isEmbedded(value) || !('$each' in value)) return [value];
  const { $each, $slice } = value;
  const isCertain = Array.isArray($each) && $each.length > 0 && $slice === undefined;
  return isCertain ? ($each as unknown[]) : undefined;
}

/** The equality conditions. `isComplete` is true if the filter has no others, which an upsert may write. */
function readFilter(filter: object): { equalities: Record<string, unknown>; isComplete: boolean } {
  const equalities: Record<string, unknown> = {};
  let isComplete = true;
  for (const [path, condition] of Object.entries(filter) as [string, unknown][]) {
    const parts = path === '$and' && Array.isArray(condition) ? (condition as object[]) : [];
    for (const part of parts) {
      const below = readFilter(part);
      Object.assign(equalities, below.equalities);
      isComplete &&= below.isComplete;
    }
    const [equality, ...others] = path.startsWith('$') ? [] : findEqualities(filter, path);
    if (equality !== undefined && others.length === 0) define(equalities, path, equality.value);
    else if (parts.length === 0) isComplete = false;
  }
  return { equalities, isComplete };
}

function setAt(document: Record<string, unknown>, path: string, value: unknown): void {
  let object = document;
  for (const segment of path.split('.').slice(0, -1)) {
    const next = Object.hasOwn(object, segment) ? object[segment] : undefined;
    const inner = isEmbedded(next) ? next : {};
    define(object, segment, inner);
    object = inner;
  }
  define(object, path.slice(path.lastIndexOf('.') + 1), value);
}

/** Not an assignment, because a path may be named `__proto__`. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}
