/** Every type that a schema declares for a dotted path. Pure. */
import {
  findDiscriminatorSchemas,
  findElementType,
  type AnySchema,
  type PathType,
} from '../mongoose-internals';
import { isAtOrBelow, isPosition } from './path';

export interface PathTypes {
  /** The types at the path, those of array elements and Map values included. */
  at: PathType[];
  /** The types above it, from the top. */
  above: PathType[];
  /** The types below it, where it holds an object. */
  below: PathType[];
  /** True if the path is inside a value without a declared schema, such as Mixed. */
  isOpen: boolean;
}

/**
 * Follows the path through subdocuments, arrays (of arrays), Maps and embedded discriminators. A position
 * in an array is optional; `$*` stands for any key of a Map. A path can have several types, because
 * embedded discriminators may declare it with different types.
 */
export function findPathTypes(schema: AnySchema, path: string): PathTypes {
  const found: PathTypes = { at: [], above: [], below: [], isOpen: false };
  walkPaths(schema, path.split('.'), found);
  return found;
}

/** True if the schema has such a path. Nested objects and paths inside Mixed count, too. */
export function hasPath(schema: AnySchema, path: string): boolean {
  const { at, below, isOpen } = findPathTypes(schema, path);
  return at.length > 0 || below.length > 0 || isOpen;
}

function walkPaths(schema: AnySchema, segments: string[], found: PathTypes): void {
  const path = segments.join('.');
  for (const [name, type] of Object.entries(schema.paths as Record<string, PathType>)) {
    if (isAtOrBelow(path, name)) {
      walkType(type, segments.slice(name.split('.').length), found);
    } else if (isAtOrBelow(name, path)) addBelow(type, found, new Set());
  }
}

function walkSchema(schema: AnySchema, segments: string[], found: PathTypes): void {
  for (const one of [schema, ...findDiscriminatorSchemas(schema)]) walkPaths(one, segments, found);
}

/** These hold no object, so no path leads into them. */
const SCALARS = new Set(
  'String Number Boolean Date ObjectId ObjectID Buffer Decimal128 UUID BigInt Int32 Double'.split(
    ' ',
  ),
);

function walkType(type: PathType, rest: string[], found: PathTypes): void {
  const { instance, schema } = type;
  if (rest.length === 0) {
    found.at.push(type);
    addInside(type, found, new Set());
    return;
  }
  found.above.push(type);
  const element = isContainer(type) ? findElementType(type) : undefined;
  const isKeyed = instance === 'Map' || (instance === 'Array' && isPosition(String(rest[0])));
  const inner = isKeyed ? rest.slice(1) : rest;
  if (inner.length > 0 && schema !== undefined) walkSchema(schema, inner, found);
  else if (element !== undefined) walkType(element, inner, found);
  else if (!SCALARS.has(String(instance))) found.isOpen = true;
}

function isContainer({ instance }: PathType): boolean {
  return instance === 'Array' || instance === 'Map';
}

type Inside = Pick<PathTypes, 'at' | 'below'>;

/** Adds what the value contains: array elements at the path itself, paths of a subdocument below it. */
function addInside(type: PathType, found: Inside, seen: Set<AnySchema>): void {
  const element = isContainer(type) ? findElementType(type) : undefined;
  if (element !== undefined) {
    found.at.push(element);
    addInside(element, found, seen);
  }
  if (type.schema === undefined) return;
  for (const schema of [type.schema, ...findDiscriminatorSchemas(type.schema)]) {
    // A recursive schema, such as a tree of comments, contains itself.
    if (seen.has(schema)) continue;
    seen.add(schema);
    for (const one of Object.values(schema.paths as Record<string, PathType>)) {
      addBelow(one, found, seen);
    }
  }
}

function addBelow(type: PathType, found: Inside, seen: Set<AnySchema>): void {
  const inside: Inside = { at: [], below: found.below };
  found.below.push(type);
  addInside(type, inside, seen);
  found.below.push(...inside.at);
}
