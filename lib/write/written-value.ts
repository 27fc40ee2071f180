/** Finds, in what a write sent, the values that it put under an index's paths. Pure. */
import { isOperatorObject } from '../bson/comparable';

/** What one write sent to the server. */
export interface Write {
  /** A whole document (insert, replacement) or what is known of one (save of a loaded document). */
  document?: object;
  /** A value of the document that can be told without making the whole of it. */
  peek?: (path: string) => string | number | boolean | undefined;
  /** True where the document holds all there is, so that a path not in it is null in the index. */
  isComplete?: boolean;
  /** An update with operators; a pipeline (array) tells nothing. */
  update?: object;
  filter?: object;
  /** May this write have made a document? A save of a loaded one and an update without upsert do not. */
  mayInsert?: boolean;
  /** Of a document that was loaded: its `_id`, the paths that its save writes, and what was read. */
  loaded?: {
    _id: unknown;
    changed: readonly string[];
    isRead: (path: string) => boolean;
  };
  /** The collation of the query, under which its filter holds. */
  collation?: object;
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

/** A place in the write, such as `contacts.1.email`, and what was written there. */
export interface WrittenValue {
  path: string;
  value: unknown;
  /** From `$setOnInsert`: written only if the upsert inserted. */
  isInsertOnly?: boolean;
}

/** Every value that `write` put under `indexPath`: several where an array lies on the way. */
export function findWrittenValues(write: Write, indexPath: string): WrittenValue[] {
  const peeked = write.peek?.(indexPath);
  if (peeked !== undefined) return [{ path: indexPath, value: peeked }];
  const segments = indexPath.split('.');
  if (write.document !== undefined) {
    const found = walk(write.document, segments, []);
    if (found.length > 0) return found;
    // A replacement that upserts takes the _id of its filter, and nothing else.
    const ofFilter = indexPath === '_id' ? findEqualities(write.filter, '_id') : [];
    if (ofFilter.length > 0) return ofFilter;
    return write.isComplete ? [{ path: indexPath, value: null }] : [];
  }
  const { isTouched, values } = findInUpdate(write.update, segments);
  return isTouched ? values : findEqualities(write.filter, indexPath);
}

/** Does this update change `indexPath` when it meets a document that exists? */
export function isPathUpdated(write: Write, indexPath: string): boolean {
  const { isTouched, values } = findInUpdate(write.update, indexPath.split('.'));
  return isTouched && !(values.length > 0 && values.every(({ isInsertOnly }) => isInsertOnly));
}

const isPlace = (segment: string): boolean => /^\d+$/.test(segment);

function walk(value: unknown, segments: string[], at: string[]): WrittenValue[] {
  const [head, ...rest] = segments;
  if (Array.isArray(value)) {
    // The server indexes an empty array as a value of its own.
    if (head === undefined && value.length === 0) return [{ path: at.join('.'), value }];
    if (head !== undefined && isPlace(head)) return walk(value[Number(head)], rest, [...at, head]);
    return value.flatMap((element: unknown, place) => {
      const here = [...at, String(place)];
      // An array inside an array is one value, not more of them.
      if (head === undefined) return [{ path: here.join('.'), value: element }];
      return Array.isArray(element) ? [] : walk(element, segments, here);
    });
  }
  if (head === undefined) return value === undefined ? [] : [{ path: at.join('.'), value }];
  if (typeof value !== 'object' || value === null) return [];
  if (value instanceof Map) return walk(value.get(head), rest, [...at, head]);
  // Mongoose leaves documents and subdocuments in what it hands to the driver.
  const sent = hasToBSON(value) ? value.toBSON() : (value as Record<string, unknown>);
  return Object.hasOwn(sent, head) ? walk(sent[head], rest, [...at, head]) : [];
}

function hasToBSON(value: object): value is { toBSON(): Record<string, unknown> } {
  return 'toBSON' in value && typeof value.toBSON === 'function';
}

/** Operators whose operand is the new value, or new elements of an array. */
const VALUE_OPERATORS = new Set(['$set', '$setOnInsert', '$push', '$addToSet']);

function findInUpdate(update: object | undefined, indexSegments: string[]) {
  // A pipeline computes its values on the server.
  if (Array.isArray(update)) return { isTouched: true, values: [] };
  let isTouched = false;
  const values: WrittenValue[] = [];
  for (const [operator, operand] of Object.entries(update ?? {})) {
    for (const [path, value] of operandEntries(operator, operand)) {
      const rest = remainder(path.split('.'), indexSegments);
      if (rest === undefined) continue;
      isTouched = true;
      if (!VALUE_OPERATORS.has(operator)) continue;
      for (const found of valuesOf(operator, path, value, rest, indexSegments)) {
        values.push({ ...found, ...(operator === '$setOnInsert' && { isInsertOnly: true }) });
      }
    }
  }
  return { isTouched, values };
}

function operandEntries(operator: string, operand: unknown): [string, unknown][] {
  if (typeof operand !== 'object' || operand === null) return [];
  const entries = Object.entries(operand);
  // $rename writes under its operand's value.
  return operator === '$rename' ? entries.map(([, to]) => [String(to), undefined]) : entries;
}

/**
 * What of the index path lies below `path` in an update: [] where both are one, undefined where the
 * update's path leads elsewhere. `contacts.$.email` and `contacts.0.email` are `contacts.email`.
 */
function remainder(path: string[], indexSegments: string[]): string[] | undefined {
  let matched = 0;
  for (const segment of path) {
    if (segment === indexSegments[matched]) matched += 1;
    else if (!segment.startsWith('$') && !isPlace(segment)) {
      // Below the indexed path: an embedded document is changed in part.
      return matched === indexSegments.length ? [] : undefined;
    }
  }
  return indexSegments.slice(matched);
}

function valuesOf(
  operator: string,
  path: string,
  value: unknown,
  rest: string[],
  indexSegments: string[],
): WrittenValue[] {
  const written = path.split('.');
  const depth = written.filter((segment) => !segment.startsWith('$') && !isPlace(segment)).length;
  const indexDepth = indexSegments.filter((segment) => !isPlace(segment)).length;
  // A part of an embedded document that is indexed as a whole: its new value is not told.
  if (depth > indexDepth) return [];
  if (operator === '$push' || operator === '$addToSet') {
    // The elements' places depend on the document, so the index's own path has to do.
    return walk(elementsOf(value), rest, []).map((found) => ({
      path: indexSegments.join('.'),
      value: found.value,
    }));
  }
  const found = walk(value, rest, written);
  const isPositional = written.some((segment) => segment.startsWith('$'));
  return isPositional
    ? found.map((one) => ({ path: indexSegments.join('.'), value: one.value }))
    : found;
}

function elementsOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && '$each' in value ? value.$each : [value];
}

/** `{ path: value }`, `{ path: { $eq: value } }`, also inside `$and`. */
export function findEqualities(filter: unknown, indexPath: string): WrittenValue[] {
  if (typeof filter !== 'object' || filter === null) return [];
  return Object.entries(filter).flatMap(([key, condition]: [string, unknown]) => {
    if (key === '$and' && Array.isArray(condition)) {
      return condition.flatMap((part) => findEqualities(part, indexPath));
    }
    if (key !== indexPath || condition instanceof RegExp) return [];
    const operators = isOperatorObject(condition) ? condition : { $eq: condition };
    return '$eq' in operators ? [{ path: indexPath, value: operators['$eq'] }] : [];
  });
}
