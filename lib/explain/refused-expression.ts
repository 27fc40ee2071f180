/** Finds what a partial index does not support in its filter, and what to write instead. Pure. */
import type { AnySchema } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { show } from '../options/show';
import { quotePath, toPartialFilter } from '../schema/partial-advice';

export interface RefusedExpression {
  /** The part of the filter, such as ``$exists: false on `deletedAt` ``. */
  what: string;
  /** A sentence that says what to write instead. */
  instead: string;
}

const SUPPORTED = ['$eq', '$gt', '$gte', '$lt', '$lte', '$type', '$all', '$options'];

/**
 * The first part of the filter that the server refuses; undefined if there is none. `isOld`: a server before
 * MongoDB 6.0, which also refuses `$or` and `$in`.
 */
export function findRefusedExpression(
  filter: Record<string, unknown>,
  schemas: AnySchema[],
  isOld: boolean,
): RefusedExpression | undefined {
  for (const [key, value] of Object.entries(filter)) {
    const found = key.startsWith('$')
      ? findInLogical(key, value, schemas, isOld)
      : findInCondition(key, value, schemas, isOld);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findInLogical(
  operator: string,
  operand: unknown,
  schemas: AnySchema[],
  isOld: boolean,
): RefusedExpression | undefined {
  if (operator === '$comment') return undefined;
  if (operator === '$or' && isOld) return { what: operator, instead: SPLIT };
  if (operator !== '$and' && operator !== '$or') return { what: operator, instead: STORE };
  return (Array.isArray(operand) ? operand : [])
    .filter(isObject)
    .map((part) => findRefusedExpression(part, schemas, isOld))
    .find((one) => one !== undefined);
}

function findInCondition(
  path: string,
  condition: unknown,
  schemas: AnySchema[],
  isOld: boolean,
): RefusedExpression | undefined {
  const on = ` on \`${path}\``;
  if (condition instanceof RegExp) return { what: `a regular expression${on}`, instead: STORE };
  if (!isObject(condition)) return undefined;
  for (const [operator, operand] of Object.entries(condition)) {
    if (!operator.startsWith('$') || SUPPORTED.includes(operator)) continue;
    if (operator === '$exists' && operand === true) continue;
    if (operator === '$in') {
      if (isOld) return { what: `$in${on}`, instead: SPLIT };
      continue;
    }
    const what = `${operator}: ${show(operand)}${on}`;
    return { what, instead: toSupported(path, operator, operand, schemas) };
  }
  return undefined;
}

const STORE =
  'Store what the expression computes in a path of its own, such as a Boolean, and filter by its value.';
const SPLIT = 'Use MongoDB 6.0 or later, or declare one index for each alternative.';

function toSupported(
  path: string,
  operator: string,
  operand: unknown,
  schemas: AnySchema[],
): string {
  const negated = operator === '$not' && isObject(operand) ? operand : {};
  if (operator === '$exists' || negated['$exists'] === true) {
    return `Write { ${quotePath(path)}: null }, which also matches missing values.`;
  }
  const isNotNull = operator === '$ne' ? operand === null : negated['$eq'] === null;
  if (isNotNull || negated['$exists'] === false) {
    return `Write ${toPartialFilter(schemas, path)}.`;
  }
  if (operator === '$ne' && typeof operand === 'boolean') {
    return `Write { ${quotePath(path)}: ${String(!operand)} }, with default: ${String(!operand)} on that path.`;
  }
  if (operator === '$ne' && operand === '') return `Write { ${quotePath(path)}: { $gt: '' } }.`;
  return STORE;
}
