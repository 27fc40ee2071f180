/** The `_id`s of documents that a bulkWrite updated, which its answer does not report. */
import type { AnyModel } from '../../mongoose-internals';
import type { UpsertOptions } from '../upsert-options';
import { findStored } from './find-stored';
import type { ReadyRow, Row, Written } from './send-rows';

/** One query for each conflict target; none where all rows were created or were read before. */
export async function readMissingIds(
  model: AnyModel,
  options: UpsertOptions,
  rows: Row[],
): Promise<void> {
  const group = rows.filter(isWithoutId);
  const stored = await findStored(model, options, group, []);
  for (const row of group) row.outcome._id = stored.get(row)?.['_id'];
}

function isWithoutId(row: Row): row is ReadyRow & { outcome: Written } {
  const { outcome } = row;
  return outcome !== undefined && !('error' in outcome) && outcome._id === undefined;
}
