/** The part of a document that an update and the equalities of its filter say. Pure. */
import { isEmbedded } from '../bson/comparable';
import { isAtOrBelow, isRelated, withoutPositions } from '../schema/path';
import { findEqualities, type UpdateWrite } from '../write/write';
import type { KnownDocument, Normalise } from './known-document';

interface Assignment {
  path: string;
  /** False for an operator that computes the value, and for one element of an array. */
  isSaid: boolean;
  /** From the filter: it holds under the filter's collation. */
  isText?: boolean;
}

/** `isInsert`: no document existed, so that what is not written is missing. */
export function toKnownUpdate(
  { update, filter, collation: ofFilter }: UpdateWrite,
  normalise: Normalise,
  isInsert: boolean,
  isPlainPath: (path: string) => boolean,
): KnownDocument | undefined {
  if (Array.isArray(update)) return undefined;
  const document: Record<string, unknown> = {};
  const written = Object.entries(normalise(update)).flatMap(([operator, operand]) =>
    // Mongoose lets no operator pass whose operand is not an object.
    Object.entries(operand as object).flatMap(([path, value]) =>
      assign(document, operator, path, value, isInsert),
    ),
  );
  const { equalities, isComplete } = readFilter(filter);
  const assignments = [...written];
  for (const [path, given] of Object.entries(normalise(equalities))) {
    if (written.some((one) => isRelated(one.path, path))) continue;
    // Of an array an equality says one element, and of a nested value not how it is stored.
    const isSaid = isPlainPath(path) && !isEmbedded(given) && !Array.isArray(given);
    if (isSaid) setAt(document, path, given);
    assignments.push({ path, isSaid, isText: typeof given === 'string' });
  }
  return {
    document,
    isKnown: (path, collation) => {
      const related = assignments.filter((one) => isRelated(one.path, path));
      if (related.length === 0) return isInsert && isComplete;
      const holds =
        JSON.stringify(collation) === JSON.stringify(ofFilter) || ofFilter === undefined;
      return related.every(
        (one) => one.isSaid && isAtOrBelow(path, one.path) && (holds || !one.isText),
      );
    },
    isChanged: (path) => isInsert || written.some((one) => isRelated(one.path, path)),
  };
}

/** Writes into `document` what the operator says, where it says it. */
function assign(
  document: Record<string, unknown>,
  operator: string,
  path: string,
  value: unknown,
  isInsert: boolean,
): Assignment | Assignment[] {
  const unknown = { path: withoutPositions(path.replace(/\.\$.*/s, '')), isSaid: false };
  // An upsert that found a document has not written these.
  if (operator === '$setOnInsert' && !isInsert) return unknown;
  if (operator === '$rename') return [unknown, { path: String(value), isSaid: false }];
  if (path.includes('$') || withoutPositions(path) !== path) return unknown;
  if (operator === '$unset') return { path, isSaid: true };
  const elements =
    operator === '$push' || operator === '$addToSet' ? newElements(value) : undefined;
  if (elements === undefined && operator !== '$set' && operator !== '$setOnInsert') return unknown;
  setAt(document, path, elements ?? value);
  return { path, isSaid: true };
}

/** The elements that certainly exist afterwards; undefined where that is not known. */
function newElements(value: unknown): unknown[] | undefined {
  if (!isEmbedded(value) || !('$each' in value)) return [value];
  const { $each, $slice } = value;
  const isCertain = Array.isArray($each) && $each.length > 0 && $slice === undefined;
  return isCertain ? ($each as unknown[]) : undefined;
}

/** The values that the filter fixes, and whether it says nothing else that an upsert might write. */
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

/** By definition, for `__proto__` is a name like any other. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}
