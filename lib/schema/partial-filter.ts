/** Decides which documents a partial index contains. Pure. A match that is not certain counts as none. */
import { isEmbedded, isOperatorObject, toComparable } from '../bson/comparable';
import { compare, typesOf } from '../bson/value-order';

/** One document. A path that is missing in it may still be stored, unless `isKnown` returns true. */
interface Known {
  document: Record<string, unknown>;
  isKnown: (path: string) => boolean;
}

type Condition = Record<string, unknown>;

/** The paths that the expression reads. */
export function pathsOfFilter(expression: Condition = {}): string[] {
  return Object.entries(expression).flatMap(([key, value]) =>
    key.startsWith('$') && Array.isArray(value)
      ? value.flatMap((part) => pathsOfFilter(part as Condition))
      : [key],
  );
}

const MAX_CONJUNCTIONS = 16;

/**
 * The expression without `$or`: a list of alternatives, each a list of conditions that must all match. The
 * server uses a partial index for each alternative, but not for `$or`. Undefined if there are too many.
 */
export function toConjunctions(expression: Condition): Condition[][] | undefined {
  let all: Condition[][] = [[]];
  for (const [key, value] of Object.entries(expression)) {
    const isList = (key === '$and' || key === '$or') && Array.isArray(value);
    const parts = isList ? (value as Condition[]).map(toConjunctions) : [[[{ [key]: value }]]];
    if (!parts.every((part) => part !== undefined)) return undefined;
    for (const some of key === '$or' ? [parts.flat()] : parts) {
      if (all.length * some.length > MAX_CONJUNCTIONS) return undefined;
      all = all.flatMap((left) => some.map((right) => [...left, ...right]));
    }
  }
  return all;
}

/** True if the document certainly matches the expression. Operators not known here never match. */
export function isSelected(expression: Condition, known: Known, isCollated: boolean): boolean {
  return Object.entries(expression).every(([key, value]) => {
    const isPart = (part: unknown) => isSelected(part as Condition, known, isCollated);
    if (key === '$and') return Array.isArray(value) && value.every(isPart);
    if (key === '$or') return Array.isArray(value) && value.some(isPart);
    if (key.startsWith('$')) return false;
    const operators = isOperatorObject(value) ? value : { $eq: value };
    return Object.entries(operators).every(([operator, operand]) =>
      isMatch(known, key, operator, operand, isCollated),
    );
  });
}

function isMatch(
  known: Known,
  path: string,
  operator: string,
  operand: unknown,
  isCollated: boolean,
): boolean {
  const values = valuesAt(known.document, path.split('.'));
  if (operator === '$in') {
    const isPart = (one: unknown) => isMatch(known, path, '$eq', one, isCollated);
    return Array.isArray(operand) && operand.some(isPart);
  }
  if (operator === '$eq' && operand === null) {
    return known.isKnown(path) && (values.includes(null) || isMissing(known.document, path));
  }
  if (operator === '$eq') {
    return values.some((value) => toComparable(value) === toComparable(operand));
  }
  if (operator === '$exists') return operand === true && values.length > 0;
  if (operator === '$type') {
    const types = Array.isArray(operand) ? (operand as unknown[]) : [operand];
    return values.some((value) => typesOf(value).some((type) => types.includes(type)));
  }
  const isInOrder = Object.hasOwn(ORDER, operator) ? ORDER[operator] : undefined;
  if (isInOrder === undefined) return false;
  return values.some((value) => isInOrder(compare(value, operand, isCollated) ?? NaN));
}

const ORDER: Record<string, (order: number) => boolean> = {
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
};

/** The values that a condition on the path is compared with: an array as a whole, and each element. */
function valuesAt(value: unknown, segments: string[]): unknown[] {
  const [head, ...rest] = segments;
  if (head === undefined) return Array.isArray(value) ? [value, ...(value as unknown[])] : [value];
  if (Array.isArray(value)) {
    return value.filter(isEmbedded).flatMap((element) => valuesAt(element, segments));
  }
  return isEmbedded(value) && Object.hasOwn(value, head) ? valuesAt(value[head], rest) : [];
}

/** True if the path is missing and no array is on it. The server has other rules inside arrays. */
function isMissing(document: Record<string, unknown>, path: string): boolean {
  let value: unknown = document;
  for (const segment of path.split('.')) {
    if (Array.isArray(value)) return false;
    if (!isEmbedded(value) || !Object.hasOwn(value, segment)) return true;
    value = value[segment];
  }
  return false;
}
