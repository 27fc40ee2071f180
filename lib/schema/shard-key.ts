/** The shard key that a schema declares (option `shardKey`), and what it requires of an index. Pure. */
import type { AnySchema } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { show } from '../options/show';
import type { UniqueIndex } from './unique-index';

/** Its paths, each with 1 or `'hashed'`. */
export type ShardKey = Record<string, unknown>;

/** Undefined if the schema declares none. A discriminator has the options of its base. */
export function findShardKey({ options }: AnySchema): ShardKey | undefined {
  // Mongoose reads both spellings.
  const { shardKey, shardkey } = options as { shardKey?: unknown; shardkey?: unknown };
  const key = shardKey ?? shardkey;
  return isObject(key) ? key : undefined;
}

/**
 * Why an upsert on the index cannot be sent to a sharded cluster: its filter must have equality on every
 * path of the shard key. Undefined if it can.
 */
export function findLackingShardKey(
  shardKey: ShardKey | undefined,
  { keyPattern }: UniqueIndex,
): string | undefined {
  if (shardKey === undefined) return undefined;
  const paths = Object.keys(shardKey);
  if (paths.every((path) => Object.hasOwn(keyPattern, path))) return undefined;
  const instead = new Set([...paths, ...Object.keys(keyPattern)]);
  return (
    `does not contain the whole shard key ${showPattern(shardKey)}; ` +
    `declare and use a unique index such as { ${[...instead].map((path) => `${path}: 1`).join(', ')} }`
  );
}

/** True if the index begins with the shard key. The server requires it of all unique indexes but `_id`. */
export function beginsWithShardKey(
  keyPattern: Record<string, unknown>,
  shardKey: ShardKey,
): boolean {
  const paths = Object.keys(keyPattern);
  return Object.keys(shardKey).every((path, index) => paths[index] === path);
}

/** As in the shell: `{ tenant: 1, region: "hashed" }`. */
export function showPattern(pattern: Record<string, unknown>): string {
  const entries = Object.entries(pattern).map(([path, kind]) => `${path}: ${show(kind)}`);
  return `{ ${entries.join(', ')} }`;
}
