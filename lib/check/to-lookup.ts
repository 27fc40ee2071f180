/** Which query finds the documents that hold an index's key. Pure. */
import { isOperatorObject } from '../bson/comparable';
import { findIndexKeys, hasPositions, type IndexKey } from '../schema/index-keys';
import { isSelected, pathsOfFilter, toConjunctions } from '../schema/partial-filter';
import type { UniqueIndex } from '../schema/unique-index';
import { inOneElement } from './in-one-element';
import type { KnownDocument } from './known-document';

type Filter = Record<string, unknown>;

export interface Lookup {
  index: UniqueIndex;
  /** Those of the document that is written. */
  keys: IndexKey[];
  /** Finds exactly the documents with one of these keys. */
  toFilter: (keys: IndexKey[]) => Filter;
}

/** More would be a query that takes longer to plan than to run. */
const MAX_BRANCHES = 64;

/**
 * Undefined where the write cannot violate the index, and where that cannot be known: a value that is
 * not known, a path with an array position, a null before other paths of a sparse index (which no
 * query finds by the index).
 */
export function toLookup(index: UniqueIndex, known: KnownDocument): Lookup | undefined {
  const { keyPattern, collation, sparse, builtFilter: expression } = index;
  const paths = Object.keys(keyPattern);
  const isOpen = [...paths, ...pathsOfFilter(expression)].some(known.isChanged);
  if (!isOpen || hasPositions(index)) return undefined;
  if (!paths.every((path) => known.isKnown(path, collation))) return undefined;
  if (expression && !isSelected(expression, known, collation !== undefined)) return undefined;
  const keys = findIndexKeys(index, known.document);
  if (sparse && paths.length > 1 && keys.some(([first]) => first === null)) return undefined;
  const branches = toBranches(index, keys);
  const isFeasible = branches.length > 0 && branches.length <= MAX_BRANCHES;
  if (!isFeasible) return undefined;
  return { index, keys, toFilter: (some) => toFilter(toBranches(index, some)) };
}

function toFilter(branches: Filter[]): Filter {
  const [branch = {}, ...others] = branches;
  return others.length === 0 ? branch : { $or: branches };
}

/** Together they find each document with one of the keys, and no other. */
function toBranches(index: UniqueIndex, keys: IndexKey[]): Filter[] {
  const { keyPattern, sparse, builtFilter: expression } = index;
  const paths = Object.keys(keyPattern);
  const varying = paths.filter((_, at) => keys.some((key) => key[at] !== keys[0]?.[at]));
  // Values of two paths that belong to one key must not be mixed with those of another.
  const groups = varying.length > 1 ? keys.map((key) => [key]) : [keys];
  const conjunctions = (expression ? toConjunctions(expression) : [[]]) ?? [];
  return groups.flatMap((group) => {
    const alternatives = paths.map((path, at): Alternatives => {
      const values = [...new Set(group.map((key) => key[at]))];
      return [path, toConditions(path, values, sparse === true && paths.length === 1)];
    });
    return product(alternatives)
      .flatMap(inOneElement)
      .flatMap((branch) =>
        conjunctions.map((parts) => (parts.length === 0 ? branch : { ...branch, $and: parts })),
      );
  });
}

/** Conditions, any of which may hold: all are equalities, which the server finds in the index. */
function toConditions(path: string, values: unknown[], isSparse: boolean): Filter[] {
  const conditions: Filter[] = [];
  const listed: unknown[] = [];
  for (const value of values) {
    if (value === null) continue;
    // In an index an array without elements is a value of its own, and any other array an element.
    if (value === undefined) conditions.push({ $eq: [], $size: 0 });
    else if (Array.isArray(value)) conditions.push({ $eq: value, $elemMatch: { $eq: value } });
    else if (isLiteralOnly(value)) conditions.push({ $eq: value });
    else listed.push(value);
  }
  if (listed.length > 0)
    conditions.push(listed.length === 1 ? { $eq: listed[0] } : { $in: listed });
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
