/** Dotted paths, and what a schema says of one. */
import type { AnySchema, PathType } from '../mongoose-internals';

/** The path and all above it, from the top: `a`, `a.b`, `a.b.c`. */
export function prefixesOf(path: string): string[] {
  if (!path.includes('.')) return [path];
  const segments = path.split('.');
  return segments.map((_, end) => segments.slice(0, end + 1).join('.'));
}

/** Is `path` the same as `other`, or below it? */
export function isAtOrBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

/** Is one of the two paths the same as the other, or below it? */
export function isRelated(path: string, other: string): boolean {
  return isAtOrBelow(path, other) || isAtOrBelow(other, path);
}

/** `contacts.0.email` is `contacts.email` in an index. */
export function withoutPlaces(path: string): string {
  return path
    .split('.')
    .filter((segment) => !/^\d+$/.test(segment))
    .join('.');
}

/** Undefined where the schema has no such path, which Mongoose's own types leave out. */
export function findPathType(schema: AnySchema, path: string): PathType | undefined {
  return schema.path(path) as PathType | undefined;
}
