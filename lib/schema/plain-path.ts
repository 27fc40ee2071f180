/** Which paths hold one value, so that equality in a filter says which. */
import type { AnyModel } from '../mongoose-internals';
import { findPathType, prefixesOf } from './path';
import { schemasOf } from './unique-index';

/** A type of the user's own may have no name. */
const MANY = new Set<string | undefined>(['Array', 'Mixed', 'Map']);

/** Is the path declared, with no array, Map or Mixed on the way? */
export function isPlainPath(model: AnyModel, path: string): boolean {
  const typesAt = (prefix: string) =>
    schemasOf(model).flatMap((schema) => findPathType(schema, prefix) ?? []);
  const isMany = prefixesOf(path).some((prefix) =>
    typesAt(prefix).some(({ instance }) => MANY.has(instance)),
  );
  return !isMany && typesAt(path).length > 0;
}
