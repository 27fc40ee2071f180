/** The `_id`s of the documents that the rows of a batch wrote, as a hydrated document holds them. */
import { isObjectId } from '../../bson/same-value';
import type { AnyModel } from '../../mongoose-internals';
import { isPlainObject } from '../prepare/paths-and-values';
import type { UpsertOptions } from '../upsert-options';
import { findStored } from './find-stored';
import type { ReadyRow, Row, Written } from './send-rows';

/**
 * The answer to a bulkWrite does not report those that it updated: one query for each conflict target; none
 * where all rows were created or were read before.
 */
export async function completeIds(
  model: AnyModel,
  options: UpsertOptions,
  rows: Row[],
): Promise<void> {
  const group = rows.filter(isWithoutId);
  const stored = await findStored(model, options, group, []);
  for (const row of group) row.outcome._id = stored.get(row)?.['_id'];
  for (const row of rows as ReadyRow[]) {
    const { outcome } = row;
    if (outcome === undefined || 'error' in outcome) continue;
    row.storedId = outcome._id;
    outcome._id = toModelId(model, outcome._id);
  }
}

function isWithoutId(row: Row): row is ReadyRow & { outcome: Written } {
  const { outcome } = row;
  return outcome !== undefined && !('error' in outcome) && outcome._id === undefined;
}

/** The driver answers a Binary where a document holds a Buffer or a UUID, and a number for a bigint. */
function toModelId(model: AnyModel, stored: unknown): unknown {
  if (stored === undefined || typeof stored === 'string' || isObjectId(stored)) return stored;
  const { BSON } = model.base.mongo;
  const { _id } = BSON.deserialize(BSON.serialize({ _id: stored })) as { _id: unknown };
  // With the projection, no default is made for another path.
  if (isPlainObject(_id)) return _id;
  return (model.hydrate({ _id }, { _id: 1 }) as { _id: unknown })._id;
}
