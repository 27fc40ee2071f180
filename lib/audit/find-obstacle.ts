/** Finds a reason, other than the stored documents, why the server would refuse to build a declared index. */
import { explainBlocked, explainExpression, NOT_UNIQUE } from '../explain/explain-refused-build';
import { explainSharded } from '../explain/explain-sharded';
import { findRefusedExpression } from '../explain/refused-expression';
import type { AnyModel } from '../mongoose-internals';
import { show } from '../options/show';
import { beginsWithShardKey } from '../schema/shard-key';
import { isSamePattern, schemasOfCollection } from '../schema/unique-index';
import { findDifferences, isOnSamePaths, type IndexComparison } from './compare-indexes';
import type { CollectionIndexes, DatabaseIndex } from './database-index';
import type { IndexSpec } from './declared-index';
import { findActualShardKey, isRecentServer } from './server';

/**
 * The sentence with which explainUniqueIndexError explains the server's error. Undefined if the index can be
 * built, or if an existing index already prevents duplicates. One or two round trips: the server's version
 * and, on a sharded cluster, the shard key.
 */
export async function findObstacle(
  model: AnyModel,
  declared: IndexSpec,
  { actual }: IndexComparison,
  existing: CollectionIndexes,
): Promise<string | undefined> {
  const isGuarded = actual?.isUnique === true && isOnSamePaths(declared, actual.spec);
  if (isGuarded || existing.isView) return undefined;
  return (
    (await explainFilter(model, declared)) ??
    (await explainBlocker(model, declared, existing)) ??
    explainSharding(model, declared)
  );
}

async function explainSharding(
  model: AnyModel,
  { name, keyPattern }: IndexSpec,
): Promise<string | undefined> {
  const shardKey = await findActualShardKey(model);
  return shardKey === undefined || beginsWithShardKey(keyPattern, shardKey)
    ? undefined
    : explainSharded(name, model, Object.keys(keyPattern), shardKey);
}

async function explainFilter(model: AnyModel, declared: IndexSpec): Promise<string | undefined> {
  const { name, partialFilterExpression: filter = {} } = declared;
  const schemas = schemasOfCollection(model);
  const refusedByAll = findRefusedExpression(filter, schemas, false);
  const refused = refusedByAll ?? findRefusedExpression(filter, schemas, true);
  if (refused === undefined) return undefined;
  const isRefused = refused === refusedByAll || !(await isRecentServer(model));
  return isRefused ? explainExpression(name, model, refused) : undefined;
}

/** An index of the same name blocks the build; before MongoDB 6.0 one on the same keys does, too. */
async function explainBlocker(
  model: AnyModel,
  declared: IndexSpec,
  existing: CollectionIndexes,
): Promise<string | undefined> {
  const { name, keyPattern } = declared;
  const byName = existing.indexes.find(({ spec }) => spec.name === name);
  if (byName !== undefined) return explainDifferences(model, declared, byName, existing);
  const byKeys = existing.indexes.find(({ spec }) => isSamePattern(spec.keyPattern, keyPattern));
  if (byKeys === undefined || (await isRecentServer(model))) return undefined;
  return explainDifferences(model, declared, byKeys, existing);
}

function explainDifferences(
  model: AnyModel,
  declared: IndexSpec,
  { spec, isUnique }: DatabaseIndex,
  { defaultCollation }: CollectionIndexes,
): string {
  const { EJSON } = model.base.mongo.BSON;
  const differences = findDifferences(declared, spec, defaultCollation, (value) =>
    EJSON.serialize(value),
  ).map((one) => `${one.option}: ${shown(one.declared)}, not ${shown(one.actual)}`);
  return explainBlocked(spec.name, model, [...(isUnique ? [] : [NOT_UNIQUE]), ...differences]);
}

const shown = (value: unknown): string => (value === undefined ? 'none' : show(value));
