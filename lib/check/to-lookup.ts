/** Builds the query that finds the documents with the same key in an index. Pure. */
import { isOperatorObject } from '../bson/comparable';
import { findIndexKeys, hasPositions, type IndexKey } from '../schema/index-keys';
import { isSelected, pathsOfFilter, toConjunctions } from '../schema/partial-filter';
import type { UniqueIndex } from '../schema/unique-index';
import { inOneElement } from './in-one-element';
import type { KnownDocument } from './known-document';

type Filter = Record<string, unknown>;

export interface Lookup {
  index: UniqueIndex;
  /** The keys of the written document. */
  keys: IndexKey[];
  /** Finds exactly the documents with one of these keys. */
  toFilter: (keys: IndexKey[]) => Filter;
}

/** A query with more takes longer to plan than to run. */
const MAX_BRANCHES = 64;

/**
 * Undefined if the write cannot violate the index, or if that cannot be checked: a value is not known, a path
 * contains an array position, or a sparse compound index begins with null, for which no query uses it.
 */
export function toLookup(index: UniqueIndex, known: KnownDocument): Lookup | undefined {
  const { keyPattern, collation, sparse, builtFilter: expression } = index;
  const paths = Object.keys(keyPattern);
  const isAffected = [...paths, ...pathsOfFilter(expression)].some(known.isChanged);
  if (!isAffected || hasPositions(index)) return undefined;
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
  return branches.length === 1 ? (branches[0] as Filter) : { $or: branches };
}

/** Alternative filters. Together they find exactly the documents with one of the keys. */
function toBranches(index: UniqueIndex, keys: IndexKey[]): Filter[] {
  const { keyPattern, sparse, builtFilter: expression } = index;
  const paths = Object.keys(keyPattern);
  const varying = paths.filter((_, at) => keys.some((key) => key[at] !== keys[0]?.[at]));
  // If several paths vary, each key needs a filter of its own: values of two keys must not be mixed.
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

/** Alternative conditions on the path. All are equalities, for which the server uses the index. */
function toConditions(path: string, values: unknown[], isSparse: boolean): Filter[] {
  const conditions: Filter[] = [];
  const listed: unknown[] = [];
  for (const value of values) {
    if (value === null) continue;
    // Undefined stands for an empty array. Any other array is an element of an array.
    if (value === undefined) conditions.push({ $eq: [], $size: 0 });
    else if (Array.isArray(value)) conditions.push({ $eq: value, $elemMatch: { $eq: value } });
    else if (isLiteralOnly(value)) conditions.push({ $eq: value });
    else listed.push(value);
  }
  if (listed.length > 0)
    conditions.push(listed.length === 1 ? { $eq: listed[0] } : { $in: listed });
  if (!values.includes(null)) return conditions;
  // Equality with null also finds missing paths, so the server uses no sparse index for it.
  if (isSparse) return [...conditions, { $type: 'null' }];
  conditions.push({ $eq: null });
  // An empty array above the path makes the key null, but the path is not equal to null.
  return path.includes('.') ? [...conditions, { $exists: false }] : conditions;
}

/** True for values that $in would read as a pattern or an operator. */
function isLiteralOnly(value: unknown): boolean {
  return value instanceof RegExp || isOperatorObject(value);
}

type Alternatives = [path: string, conditions: Filter[]];

/** One filter for each combination; none if there would be too many. */
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
