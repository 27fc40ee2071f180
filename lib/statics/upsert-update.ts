/** Splits a document into what an upsert writes always and what it writes only on insert. Pure. */

import { isAtOrBelow, prefixesOf } from '../schema/path';

/** The update of one findOneAndUpdate; operators that would be empty are left out. */
export interface UpsertUpdate {
  $set?: Fields;
  $unset?: Fields;
  $push?: Fields;
  $addToSet?: Fields;
  $setOnInsert?: Fields;
}

type Fields = Record<string, unknown>;

export interface UpsertSource {
  /** The whole document, as an insert writes it. */
  inserted: Fields;
  /** The document that holds the values of `paths`; often the same. */
  updated: Fields;
  /** The paths to write always, none below another. */
  paths: string[];
  /** Arrays that were only added to: what was added, instead of an array that was never read. */
  additions: Map<string, { operator: '$push' | '$addToSet'; elements: unknown[] }>;
  /** Paths that never change once they are written: `_id`, `createdAt`, immutable ones. */
  isInsertOnly: (path: string) => boolean;
  /** The schema's paths right below one that holds an object. */
  pathsBelow: (path: string) => string[];
}

/** A path that the document does not hold is unset, as `save()` would. */
export function splitUpdate(source: UpsertSource): UpsertUpdate {
  const { inserted, updated, paths, additions, isInsertOnly } = source;
  const update = {
    $set: {},
    $unset: {},
    $push: {},
    $addToSet: {},
    $setOnInsert: {},
  } as Required<UpsertUpdate>;
  for (const path of paths.flatMap((one) => expand(source, one))) {
    const added = additions.get(path);
    const value = valueAt(updated, path);
    if (isInsertOnly(path)) continue;
    if (added) update[added.operator][path] = { $each: added.elements };
    else if (value === undefined) update.$unset[path] = 1;
    else update.$set[path] = value;
  }
  const taken = Object.values(update).flatMap((fields) => Object.keys(fields));
  addRest(inserted, '', taken, update.$setOnInsert);
  return Object.fromEntries(
    Object.entries(update).filter(([, fields]) => Object.keys(fields).length > 0),
  );
}

/** Everything of `value` that lies on no path of `taken` and above none. */
function addRest(value: Fields, prefix: string, taken: string[], rest: Fields): void {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix + key;
    if (taken.includes(path) || child === undefined) continue;
    const isAbove = taken.some((other) => isAtOrBelow(other, path));
    if (!isAbove) rest[path] = child;
    // A Map is an object on the server.
    else if (child instanceof Map)
      addRest(Object.fromEntries(child) as Fields, `${path}.`, taken, rest);
    else if (isPlainObject(child)) addRest(child, `${path}.`, taken, rest);
  }
}

/** An object with an insert-only path inside is written path by path, so that it keeps that one. */
function expand(source: UpsertSource, path: string): string[] {
  const { updated, isInsertOnly, pathsBelow } = source;
  const value = valueAt(updated, path);
  if (isInsertOnly(path) || !isPlainObject(value)) return [path];
  const declared = pathsBelow(path);
  const others = Object.keys(value)
    .map((key) => `${path}.${key}`)
    .filter((one) => !declared.some((other) => isAtOrBelow(other, one)));
  const below = [...declared, ...others].flatMap((one) => expand(source, one));
  return below.some(isInsertOnly) ? below : [path];
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
