/** Decides whether an update increments the version key, so that a stale `save()` fails. Pure. */
import type { AnySchema } from '../../mongoose-internals';
import { isAtOrBelow, isRelated } from '../../schema/path';
import { pathsOf } from '../../write/write';
import type { Operators } from './paths-and-values';

/**
 * The version key, if `save()` would increment it for this update. It does if the update overwrites or
 * extends an array, or if `optimisticConcurrency` covers one of its paths or `updatedAt`.
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
  if (!option) return undefined;
  if (option === true) return () => true;
  if (Array.isArray(option)) return (path) => option.some((one) => isRelated(path, one));
  return (path) => !option.exclude.some((one) => isAtOrBelow(path, one));
}
