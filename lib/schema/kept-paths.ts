/** The paths that never change once they are written, and the names of the timestamps. Pure. */
import type { AnySchema, PathType } from '../mongoose-internals';
import { findPathType } from './path';
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

/** In an array there are none: it is written as a whole. */
function immutablePaths(schema: AnySchema, prefix: string): string[] {
  return Object.entries(schema.paths as Record<string, PathType>).flatMap(([path, type]) => {
    // A function would have to be asked about the stored document, which nobody has read.
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

/** Read once, too. */
export function timestampPaths(schema: AnySchema): TimestampPaths {
  let paths = timestampCache.get(schema);
  if (paths === undefined) timestampCache.set(schema, (paths = readTimestampPaths(schema)));
  return paths;
}

function readTimestampPaths(schema: AnySchema): TimestampPaths {
  const { timestamps } = schema.options;
  if (!timestamps) return {};
  const names = timestamps === true ? {} : timestamps;
  const pathOf = (name: 'createdAt' | 'updatedAt') => {
    const given = names[name] ?? true;
    return given === false ? {} : { [name]: given === true ? name : given };
  };
  return { ...pathOf('createdAt'), ...pathOf('updatedAt') };
}

/** What the schema's own clock says; undefined where it has none. */
export function currentTimeOf(schema: AnySchema): unknown {
  const { timestamps } = schema.options;
  return typeof timestamps === 'object' ? timestamps.currentTime?.() : undefined;
}

/** The paths right below a nested object or a subdocument; a Map is one path, whatever it holds. */
export function pathsBelow(schema: AnySchema, path: string): string[] {
  const type = findPathType(schema, path);
  const below =
    type?.schema && type.instance !== 'Array'
      ? Object.keys(type.schema.paths)
      : Object.keys(schema.paths)
          .filter((other) => other.startsWith(`${path}.`))
          .map((other) => other.slice(path.length + 1));
  const names = below.map((one) => (one.split('.') as [string])[0]).filter((name) => name !== '$*');
  return [...new Set(names)].map((name) => `${path}.${name}`);
}
