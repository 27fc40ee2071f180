/** Splits a document into what an upsert writes always and what it writes only on insert. Pure. */
import { isAtOrBelow, prefixesOf } from '../../schema/path';

export type Fields = Record<string, unknown>;

/** An update of operators, cast. */
export type Operators = Partial<Record<`$${string}`, Fields>>;

export interface UpsertSource {
  /** The document that holds the values of `paths`. */
  document: Fields;
  /** The paths to write always, none below another. */
  paths: string[];
  /** Arrays that were only added to: what was added, instead of an array that was never read. */
  additions: Map<string, { operator: '$push' | '$addToSet'; elements: unknown[] }>;
  /**
   * Does a document that is there keep this path: `_id`, `createdAt`, an immutable one, one that is not
   * listed? `isWhole`: all below included.
   */
  isKept: (path: string, isWhole: boolean) => boolean;
  /** The schema's paths right below one that holds an object. */
  pathsBelow: (path: string) => string[];
  /** Is it a nested object? It exists for what it holds, where a subdocument is a value. */
  isNested: (path: string) => boolean;
}

/** What to write always. A path that the document does not hold is unset, as `save()` would. */
export function toOperators(source: UpsertSource): Operators {
  const update = { $set: {}, $unset: {}, $push: {}, $addToSet: {} } as Record<string, Fields>;
  const write = (operator: string, path: string, value: unknown): void => {
    (update[operator] as Fields)[path] = value;
  };
  for (const path of source.paths.flatMap((one) => expand(source, one))) {
    if (source.isKept(path, true)) continue;
    const added = source.additions.get(path);
    const value = valueAt(source.document, path);
    if (added) write(added.operator, path, { $each: added.elements });
    else if (value === undefined) write('$unset', path, 1);
    else write('$set', path, value);
  }
  return withoutEmpty(update);
}

/** The same with `$setOnInsert` for all of `inserted` that the operators do not write. */
export function withRestOnInsert(operators: Operators, inserted: Fields): Operators {
  const rest: Fields = {};
  addRest(inserted, '', pathsOf(operators), rest);
  return withoutEmpty({ ...operators, $setOnInsert: { ...rest, ...operators.$setOnInsert } });
}

/** Every path that an update writes. */
export function pathsOf(operators: Operators): string[] {
  const { $rename = {} } = operators;
  const paths = Object.values(operators).flatMap((fields) => Object.keys({ ...fields }));
  return [...paths, ...Object.values($rename).map(String)];
}

/** The server takes no operator without a path. */
export function withoutEmpty(update: Operators): Operators {
  const entries = Object.entries(update);
  return Object.fromEntries(
    entries.filter(([, fields]) => fields !== undefined && Object.keys(fields).length > 0),
  );
}

/** Everything of `value` that lies on no path of `taken` and above none. */
function addRest(value: Fields, prefix: string, taken: string[], rest: Fields): void {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix + key;
    if (child === undefined || taken.some((other) => isAtOrBelow(path, other))) continue;
    const isAbove = taken.some((other) => isAtOrBelow(other, path));
    if (!isAbove) rest[path] = child;
    // A Map is an object on the server.
    else if (child instanceof Map)
      addRest(Object.fromEntries(child) as Fields, `${path}.`, taken, rest);
    else if (isPlainObject(child)) addRest(child, `${path}.`, taken, rest);
  }
}

/** An object with a kept path inside is written path by path, so that it keeps that one. */
function expand(source: UpsertSource, path: string): string[] {
  const { document, isKept, pathsBelow, isNested } = source;
  const found = valueAt(document, path);
  const value = found === undefined && isNested(path) ? {} : found;
  if (isKept(path, false) || !isPlainObject(value)) return [path];
  const declared = pathsBelow(path);
  const others = Object.keys(value)
    .map((key) => `${path}.${key}`)
    .filter((one) => !declared.some((other) => isAtOrBelow(other, one)));
  const below = [...declared, ...others].flatMap((one) => expand(source, one));
  return below.some((one) => isKept(one, true)) ? below : [path];
}

/** An array is written whole: a path inside would depend on what the server holds. */
export function toWritablePath(document: Fields, path: string): string {
  return prefixesOf(path).find((prefix) => Array.isArray(valueAt(document, prefix))) ?? path;
}

/** `nested` without `nested.a` where `nested` is there too. */
export function outermost(paths: string[]): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => prefixesOf(path).every((one) => one === path || !all.has(one)));
}

/** The value under a dotted path, through objects, arrays and Maps. */
export function valueAt(document: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, segment) => {
    if (value instanceof Map) return value.get(segment);
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment))
      return undefined;
    return (value as Fields)[segment];
  }, document);
}

export function isPlainObject(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
