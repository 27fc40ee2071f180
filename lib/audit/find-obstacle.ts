/** Why the server would refuse to build a declared index, whatever the documents hold. */
import { explainBlocked, explainExpression, NOT_UNIQUE } from '../explain/explain-refused-build';
import { explainSharded } from '../explain/explain-sharded';
import { findRefusedExpression } from '../explain/refused-expression';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { show } from '../options/show';
import { beginsWithShardKey } from '../schema/shard-key';
import { isSamePattern, modelsOfCollection } from '../schema/unique-index';
import { findDifferences, isOnSamePaths, type IndexComparison } from './compare-indexes';
import type { CollectionIndexes, DatabaseIndex } from './database-index';
import type { IndexSpec } from './declared-index';
import { findActualShardKey, isRecentServer } from './server';

/**
 * A sentence that explains it, as explainUniqueIndexError does for the server's own error; undefined
 * where nothing stands in the way, or where an index of the database prevents duplicates already. One
 * round trip, or two, about the server's version, and about the shard key on a sharded cluster.
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
  const schemas = modelsOfCollection(model).map(({ schema }) => schema as AnySchema);
  const always = findRefusedExpression(filter, schemas, false);
  const refused = always ?? findRefusedExpression(filter, schemas, true);
  if (refused === undefined) return undefined;
  const isRefused = refused === always || !(await isRecentServer(model));
  return isRefused ? explainExpression(name, model, refused) : undefined;
}

/** One of the same name with other keys, or without unique; before MongoDB 6.0 one on the same keys, too. */
async function explainBlocker(
  model: AnyModel,
  declared: IndexSpec,
  existing: CollectionIndexes,
): Promise<string | undefined> {
  const { name, keyPattern } = declared;
  const byName = existing.indexes.find(({ spec }) => spec.name === name);
  if (byName !== undefined) return describe(model, declared, byName, existing);
  const byKeys = existing.indexes.find(({ spec }) => isSamePattern(spec.keyPattern, keyPattern));
  if (byKeys === undefined || (await isRecentServer(model))) return undefined;
  return describe(model, declared, byKeys, existing);
}

function describe(
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
