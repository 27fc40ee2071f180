/** The shard key that a schema declares (its option `shardKey`), and what it demands of an index. Pure. */
import type { AnySchema } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { show } from '../options/show';
import type { UniqueIndex } from './unique-index';

/** Its paths, each with 1 or `'hashed'`. */
export type ShardKey = Record<string, unknown>;

/** Undefined where the schema declares none; a discriminator has the options of its base. */
export function findShardKey({ options }: AnySchema): ShardKey | undefined {
  // Mongoose reads both spellings.
  const { shardKey, shardkey } = options as { shardKey?: unknown; shardkey?: unknown };
  const key = shardKey ?? shardkey;
  return isObject(key) ? key : undefined;
}

/**
 * Why an upsert on the index cannot be sent to a sharded cluster, which takes an upsert only where its
 * filter has the whole shard key as equality.
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

/** The server demands it of each unique index, `_id` aside: the same paths first, in the same order. */
export function beginsWithShardKey(
  keyPattern: Record<string, unknown>,
  shardKey: ShardKey,
): boolean {
  const paths = Object.keys(keyPattern);
  return Object.keys(shardKey).every((path, place) => paths[place] === path);
}

/** As in the shell: `{ tenant: 1, region: "hashed" }`. */
export function showPattern(pattern: Record<string, unknown>): string {
  const entries = Object.entries(pattern).map(
    ([path, kind]) => `${path}: ${typeof kind === 'string' ? show(kind) : String(kind)}`,
  );
  return `{ ${entries.join(', ')} }`;
}
