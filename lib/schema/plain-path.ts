/** Finds paths with a single value, which an equality in a filter identifies. */
import type { AnyModel } from '../mongoose-internals';
import { findPathType, prefixesOf } from './path';
import { schemasOf } from './unique-index';

/** A custom schema type may have no name. */
const MANY = new Set<string | undefined>(['Array', 'Mixed', 'Map']);

/** True if the path is declared and no array, Map or Mixed is on it. */
export function isPlainPath(model: AnyModel, path: string): boolean {
  const typesAt = (prefix: string) =>
    schemasOf(model).flatMap((schema) => findPathType(schema, prefix) ?? []);
  const isMany = prefixesOf(path).some((prefix) =>
    typesAt(prefix).some(({ instance }) => MANY.has(instance)),
  );
  return !isMany && typesAt(path).length > 0;
}
