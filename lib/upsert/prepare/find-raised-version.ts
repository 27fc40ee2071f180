/** When an update raises the version of a document, so that a stale `save()` is refused. Pure. */
import type { AnySchema } from '../../mongoose-internals';
import { isAtOrBelow, isRelated } from '../../schema/path';
import { pathsOf, type Operators } from './paths-and-values';

/**
 * The version key where `save()` raises it for this update: an array is overwritten or added to, or the
 * schema has `optimisticConcurrency` for a path of it, or for `updatedAt`.
 */
export function findRaisedVersion(
  schema: AnySchema,
  operators: Operators,
  times: string[],
): string | undefined {
  const { versionKey, skipVersioning = {} } = schema.options as VersionOptions;
  if (typeof versionKey !== 'string') return undefined;
  const { $set = {}, $push = {}, $addToSet = {} } = operators;
  const isGuarded = toIsGuarded(schema.options as VersionOptions);
  if (isGuarded !== undefined) {
    return [...pathsOf(operators), ...times].some(isGuarded) ? versionKey : undefined;
  }
  const overwritten = Object.keys($set).filter((path) => Array.isArray($set[path]));
  const arrays = [...overwritten, ...Object.keys($push), ...Object.keys($addToSet)];
  return arrays.some((path) => skipVersioning[path] !== true) ? versionKey : undefined;
}

interface VersionOptions {
  versionKey?: string | boolean;
  skipVersioning?: Record<string, boolean>;
  optimisticConcurrency?: boolean | string[] | { exclude: string[] };
}

/** Undefined for a schema without `optimisticConcurrency`. */
function toIsGuarded({
  optimisticConcurrency: option,
}: VersionOptions): ((path: string) => boolean) | undefined {
  if (option === undefined || option === false) return undefined;
  if (option === true) return () => true;
  if (Array.isArray(option)) return (path) => option.some((one) => isRelated(path, one));
  return (path) => !option.exclude.some((one) => isAtOrBelow(path, one));
}
