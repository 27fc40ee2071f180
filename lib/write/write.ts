/** What one write sent to the server, and which paths it touches. Pure. */
import { isOperatorObject } from '../bson/comparable';
import { isObject } from '../options/is-object';
import { isPosition } from '../schema/path';

/** What one write sent to the server. */
export interface Write {
  /** Mongoose's name of the operation, for diagnostics. */
  operation?: string | undefined;
  /** A whole document (insert, replacement) or what is known of one (save of a loaded document). */
  document?: object;
  /** Reads one value without creating the whole `document`. */
  peek?: (path: string) => string | number | boolean | undefined;
  /** True if the document is complete: a path that it does not have is null in the index. */
  isComplete?: boolean;
  /** An update with operators, or a pipeline (array), whose values are not known. */
  update?: object;
  filter?: object;
  /** False if the write cannot insert: a save of a loaded document, or an update without upsert. */
  mayInsert?: boolean;
  /** For a loaded document: its `_id`, the paths that its save writes, and the paths that were read. */
  loaded?: {
    _id: unknown;
    changed: readonly string[];
    isRead: (path: string) => boolean;
  };
  /** The collation of the query and its filter. */
  collation?: object;
  /** True if it replaces the model's whole collection with `$out`. */
  isOut?: boolean;
}

/** A save or a replacement. */
export interface DocumentWrite extends Write {
  document: object;
}

/** An update by a query. */
export interface UpdateWrite extends Write {
  document?: never;
  update: object;
  filter: object;
}

/** True if this update writes `indexPath` of a document that exists. */
export function isPathUpdated({ update }: Write, indexPath: string): boolean {
  return isTouched(update, indexPath, (operator) => operator !== '$setOnInsert');
}

/** True if an operator of the update writes the path, a parent of it or a path below it. */
export function isTouched(
  update: object | undefined,
  indexPath: string,
  isCounted: (operator: string) => boolean = () => true,
): boolean {
  // A pipeline computes its values on the server.
  if (Array.isArray(update)) return true;
  const segments = indexPath.split('.');
  return pathsOf(update ?? {}, isCounted).some((path) => isOnTheWay(path.split('.'), segments));
}

/** Every path that an update with operators writes. */
export function pathsOf(
  update: object,
  isCounted: (operator: string) => boolean = () => true,
): string[] {
  const paths: string[] = [];
  for (const [operator, operand] of Object.entries(update) as [string, unknown][]) {
    if (!isCounted(operator) || !isObject(operand)) continue;
    for (const path of Object.keys(operand)) paths.push(path);
    // $rename also writes the path that its operand names.
    if (operator === '$rename') paths.push(...Object.values(operand).map(String));
  }
  return paths;
}

/** `contacts.$.email` and `contacts.0.email` are `contacts.email`. */
function isOnTheWay(path: string[], indexSegments: string[]): boolean {
  let matched = 0;
  for (const segment of path) {
    if (matched === indexSegments.length) return true;
    if (segment === indexSegments[matched]) matched += 1;
    else if (!segment.startsWith('$') && !isPosition(segment)) return false;
  }
  return true;
}

/** `{ path: value }`, `{ path: { $eq: value } }`, also inside `$and`. */
export function findEqualities(filter: unknown, indexPath: string): { value: unknown }[] {
  if (!isObject(filter)) return [];
  return Object.entries(filter).flatMap(([key, condition]: [string, unknown]) => {
    if (key === '$and' && Array.isArray(condition)) {
      return condition.flatMap((part) => findEqualities(part, indexPath));
    }
    if (key !== indexPath || condition instanceof RegExp) return [];
    const operators = isOperatorObject(condition) ? condition : { $eq: condition };
    return '$eq' in operators ? [{ value: operators['$eq'] }] : [];
  });
}
