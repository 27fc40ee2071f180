/** The paths that never change once they are written, and the names of the timestamps. Pure. */
import type { AnyModel, AnySchema, PathType } from '../mongoose-internals';
import { findPathType, prefixesOf } from './path';
import { findShardKey } from './shard-key';

const cache = new WeakMap<AnySchema, Set<string>>();

/** `_id`, the version, discriminator and shard key, `createdAt` and immutable paths; read once. */
export function keptPathsOf(schema: AnySchema): Set<string> {
  let kept = cache.get(schema);
  if (kept === undefined) {
    const { versionKey, discriminatorKey } = schema.options;
    const names = ['_id', versionKey, discriminatorKey, timestampPaths(schema).createdAt];
    kept = new Set(names.filter((name) => typeof name === 'string'));
    for (const path of Object.keys(findShardKey(schema) ?? {})) kept.add(path);
    for (const path of immutablePaths(schema, '')) kept.add(path);
    cache.set(schema, kept);
  }
  return kept;
}

/** Skips paths in arrays, because arrays are written as a whole. */
function immutablePaths(schema: AnySchema, prefix: string): string[] {
  return Object.entries(schema.paths as Record<string, PathType>).flatMap(([path, type]) => {
    // A function counts as true: it would need the stored document, which is not read.
    const own = type.options?.immutable ? [prefix + path] : [];
    if (type.schema === undefined || type.instance === 'Array') return own;
    // A subdocument is written with a `createdAt` of its own, or it would have none.
    const { createdAt } = timestampPaths(type.schema);
    const below = immutablePaths(type.schema, `${prefix}${path}.`);
    return [...own, ...below.filter((one) => one !== `${prefix}${path}.${String(createdAt)}`)];
  });
}

export interface TimestampPaths {
  createdAt?: string;
  updatedAt?: string;
}

const timestampCache = new WeakMap<AnySchema, TimestampPaths>();

/** The names of the timestamps, cached for each schema. */
export function timestampPaths(schema: AnySchema): TimestampPaths {
  let paths = timestampCache.get(schema);
  if (paths === undefined) timestampCache.set(schema, (paths = readTimestampPaths(schema)));
  return paths;
}

function readTimestampPaths(schema: AnySchema): TimestampPaths {
  const { timestamps } = schema.options;
  if (!timestamps) return {};
  // `true` has no such properties, so both have their own names.
  const names = timestamps as { createdAt?: string | boolean; updatedAt?: string | boolean };
  const pathOf = (name: 'createdAt' | 'updatedAt') => {
    const given = names[name] ?? true;
    return given === false ? {} : { [name]: given === true ? name : given };
  };
  return { ...pathOf('createdAt'), ...pathOf('updatedAt') };
}

/** The time of the schema's option `timestamps.currentTime`, else that of Mongoose. */
export function currentTimeOf({ schema, base }: AnyModel): unknown {
  const { timestamps } = (schema as AnySchema).options;
  const own: unknown = typeof timestamps === 'object' ? timestamps.currentTime?.() : undefined;
  return own ?? base.now();
}

/** The paths directly below a nested object or a subdocument. A Map counts as one path. */
export function pathsBelow(schema: AnySchema, path: string): string[] {
  const names = declaredBelow(schema, path)
    .map((one) => (one.split('.') as [string])[0])
    .filter((name) => name !== '$*');
  return [...new Set(names)].map((name) => `${path}.${name}`);
}

/** What is declared below the path. Only a subdocument's own schema knows the paths inside it. */
function declaredBelow(schema: AnySchema, path: string): string[] {
  for (const prefix of prefixesOf(path)) {
    const type = findPathType(schema, prefix);
    if (type?.schema === undefined || type.instance === 'Array') continue;
    if (prefix === path) return Object.keys(type.schema.paths);
    return declaredBelow(type.schema, path.slice(prefix.length + 1));
  }
  return Object.keys(schema.paths)
    .filter((other) => other.startsWith(`${path}.`))
    .map((other) => other.slice(path.length + 1));
}
