/** Dotted paths, and what a schema says of one. */
import type { AnySchema } from '../options';

/** The path and all above it, from the top: `a`, `a.b`, `a.b.c`. */
export function prefixesOf(path: string): string[] {
  if (!path.includes('.')) return [path];
  const segments = path.split('.');
  return segments.map((_, end) => segments.slice(0, end + 1).join('.'));
}

/** Is `path` the same as `other`, or inside of what lies there? */
export function isAtOrBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`);
}

/** What is read here of Mongoose's schema types. */
export interface PathType {
  instance?: string;
  options?: { unique?: unknown; select?: unknown; immutable?: unknown };
  /** Of a subdocument or an array of them. */
  schema?: AnySchema;
  /** Of an array: the type of its elements, by its name in Mongoose 9 and in 8. */
  embeddedSchemaType?: PathType;
  caster?: PathType;
}

/** Undefined where the schema has no such path, which Mongoose's own types leave out. */
export function findPathType(schema: AnySchema, path: string): PathType | undefined {
  return schema.path(path) as PathType | undefined;
}
