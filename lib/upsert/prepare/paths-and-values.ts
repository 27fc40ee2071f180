/** Paths and values of plain documents, and of updates with operators. Pure. */
import { prefixesOf } from '../../schema/path';

export type Fields = Record<string, unknown>;

/** An update with operators, cast. */
export type Operators = Partial<Record<`$${string}`, Fields>>;

/** Removes operators without a path, which older servers refuse. */
export function withoutEmpty(update: Operators): Operators {
  const left: Operators = {};
  for (const operator of Object.keys(update) as (keyof Operators)[]) {
    const fields = update[operator];
    if (fields !== undefined && Object.keys(fields).length > 0) left[operator] = fields;
  }
  return left;
}

/** Returns the path of the outermost array that contains `path`, because arrays are written as a whole. */
export function toWritablePath(document: Fields, path: string): string {
  return prefixesOf(path).find((prefix) => Array.isArray(valueAt(document, prefix))) ?? path;
}

/** Removes paths that are below another path in the list, such as `nested.a` beside `nested`. */
export function outermost(paths: string[]): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => prefixesOf(path).every((one) => one === path || !all.has(one)));
}

/** The value at a dotted path, through objects, arrays and Maps. */
export function valueAt(document: unknown, path: string): unknown {
  return path.includes('.') ? path.split('.').reduce(childOf, document) : childOf(document, path);
}

function childOf(value: unknown, name: string): unknown {
  if (value instanceof Map) return toSent(value.get(name));
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Fields)[name];
}

/** A subdocument as it is sent: `toBSON()` of a document leaves those in a Map as they are. */
function toSent(value: unknown): unknown {
  const { toBSON } = Object(value) as { toBSON?: () => unknown };
  return toBSON ? toBSON.call(value) : value;
}

/** A copy of the document with another value at a dotted path, through objects only. */
export function withValueAt(document: Fields, path: string, value: unknown): Fields {
  const [name, below] = splitAtDot(path);
  if (below === undefined) return { ...document, [name]: value };
  const child = document[name];
  return { ...document, [name]: withValueAt(isPlainObject(child) ? child : {}, below, value) };
}

/**
 * A copy of the document with the values that `source` has at these paths, where the object around the path
 * exists, or `isNested` is true for it.
 */
export function withValuesOf(
  document: Fields,
  source: Fields,
  paths: string[],
  isNested: (path: string) => boolean = () => false,
): Fields {
  const hasPlace = (all: Fields, path: string) =>
    prefixesOf(path)
      .slice(0, -1)
      .every((above) => {
        const object = valueAt(all, above);
        return isPlainObject(object) || (object === undefined && isNested(above));
      });
  return paths.reduce((all, path) => {
    const value = valueAt(source, path);
    return value === undefined || !hasPlace(all, path) ? all : withValueAt(all, path, value);
  }, document);
}

/** The first name of a path, and the rest. */
export function splitAtDot(path: string): [name: string, below?: string] {
  const dot = path.indexOf('.');
  return dot === -1 ? [path] : [path.slice(0, dot), path.slice(dot + 1)];
}

/** The path above the last name, and that name. */
export function splitAtLastDot(path: string): [parent: string, name: string] {
  const dot = path.lastIndexOf('.');
  return [path.slice(0, dot), path.slice(dot + 1)];
}

export function isPlainObject(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
