/** Dotted paths, and their types in a schema. */
import type { AnySchema, PathType } from '../mongoose-internals';

/** The path and its parents, from the top: `a`, `a.b`, `a.b.c`. */
export function prefixesOf(path: string): string[] {
  if (!path.includes('.')) return [path];
  const segments = path.split('.');
  return segments.map((_, end) => segments.slice(0, end + 1).join('.'));
}

/** True if `path` is the same as `other`, or below it. */
export function isAtOrBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

/** True if the paths are the same, or one is below the other. */
export function isRelated(path: string, other: string): boolean {
  return isAtOrBelow(path, other) || isAtOrBelow(other, path);
}

/** True for a position in an array, such as the 1 of `contacts.1.email`. */
export const isPosition = (segment: string): boolean => /^\d+$/.test(segment);

/** `contacts.0.email` is `contacts.email` in an index. */
export function withoutPositions(path: string): string {
  return path
    .split('.')
    .filter((segment) => !isPosition(segment))
    .join('.');
}

/** Undefined if the schema has no such path, unlike in Mongoose's own types. */
export function findPathType(schema: AnySchema, path: string): PathType | undefined {
  return schema.path(path) as PathType | undefined;
}
