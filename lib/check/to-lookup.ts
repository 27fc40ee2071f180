/** Which query finds the document that holds an index's key, and which keys to compare it with. Pure. */
import { isEmbedded, isOperatorObject } from '../bson/comparable';
import { findIndexKeys, hasPlaces, type IndexKey } from '../schema/index-keys';
import { isSelected, pathsOfFilter, toConjunctions } from '../schema/partial-filter';
import { prefixesOf } from '../schema/path';
import type { UniqueIndex } from '../schema/unique-index';
import type { KnownDocument } from './known-document';

type Filter = Record<string, unknown>;

export interface Lookup {
  index: UniqueIndex;
  keys: IndexKey[];
  /** Together they find each document with one of the keys, and maybe some more. */
  branches: Filter[];
}

/** More would be a query that takes longer to plan than to run. */
const MAX_BRANCHES = 64;

/**
 * Undefined where the write cannot violate the index, and where that cannot be known: a value that is
 * not known, a path with a place in an array, a null before other paths of a sparse index (which no
 * query finds by the index).
 */
export function toLookup(index: UniqueIndex, known: KnownDocument): Lookup | undefined {
  const { keyPattern, collation, sparse, builtFilter: expression } = index;
  const paths = Object.keys(keyPattern);
  const isOpen = [...paths, ...pathsOfFilter(expression)].some(known.isChanged);
  if (!isOpen || hasPlaces(index)) return undefined;
  if (!paths.every((path) => known.isKnown(path, collation))) return undefined;
  // The server compares strings for us, but would not say which values are of one element.
  if (collation && sharesArray(known.document, paths)) return undefined;
  if (expression && !isSelected(expression, known, collation !== undefined)) return undefined;
  const keys = findIndexKeys(index, known.document);
  if (sparse && paths.length > 1 && keys.some(([first]) => first === null)) return undefined;
  const conjunctions = expression ? toConjunctions(expression) : [[]];
  const alternatives = paths.map((path, at): Alternatives => {
    const values = keys.map((key) => key[at]);
    return [path, toConditions(path, values, sparse === true && paths.length === 1)];
  });
  const branches = product(alternatives).flatMap((branch) =>
    (conjunctions ?? []).map((parts) => (parts.length === 0 ? branch : { ...branch, $and: parts })),
  );
  const isFeasible = branches.length > 0 && branches.length <= MAX_BRANCHES && keys.length > 0;
  return isFeasible ? { index, keys, branches } : undefined;
}

function sharesArray(document: Filter, paths: string[]): boolean {
  const arrays = paths.map((path) =>
    prefixesOf(path).find((prefix) => Array.isArray(findAt(document, prefix))),
  );
  return arrays.some((array, at) => array !== undefined && arrays.indexOf(array) !== at);
}

function findAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, segment) =>
        isEmbedded(value) && Object.hasOwn(value, segment) ? value[segment] : undefined,
      document,
    );
}

/** Conditions, any of which may hold: equality alone, so that each has its own place in the index. */
function toConditions(path: string, values: unknown[], isSparse: boolean): Filter[] {
  const [strings, others]: [unknown[], unknown[]] = [[], []];
  for (const value of values) {
    if (value !== null) (isLiteralOnly(value) ? others : strings).push(value ?? []);
  }
  const conditions: Filter[] = others.map((value) => ({ $eq: value }));
  if (strings.length > 0)
    conditions.push(strings.length === 1 ? { $eq: strings[0] } : { $in: strings });
  if (!values.includes(null)) return conditions;
  // Equality with null finds missing paths too, so the server takes no sparse index for it.
  if (isSparse) return [...conditions, { $type: 'null' }];
  conditions.push({ $eq: null });
  // An empty array above the path makes the key null, but the path is not equal to null.
  return path.includes('.') ? [...conditions, { $exists: false }] : conditions;
}

/** In a list these would be a pattern, and an operator. */
function isLiteralOnly(value: unknown): boolean {
  return value instanceof RegExp || isOperatorObject(value);
}

type Alternatives = [path: string, conditions: Filter[]];

/** One branch for each combination; none where there would be too many. */
function product(alternatives: Alternatives[]): Filter[] {
  let branches: Filter[] = [{}];
  for (const [path, conditions] of alternatives) {
    if (branches.length > MAX_BRANCHES) return [];
    branches = branches.flatMap((branch) =>
      conditions.map((condition) => ({ ...branch, [path]: condition })),
    );
  }
  return branches;
}
