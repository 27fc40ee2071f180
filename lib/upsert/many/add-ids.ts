/** The `_id`s of documents that a bulkWrite updated, which its answer does not tell. */
import { toComparable } from '../../bson/comparable';
import { findSession, type AnyModel } from '../../mongoose-internals';
import { valueAt } from '../prepare/to-operators';
import type { UpsertOptions } from '../upsert-options';
import type { ReadyRow, Row } from './send-rows';

/** One query for each conflict target; none where all rows were created. */
export async function addIds(model: AnyModel, options: UpsertOptions, rows: Row[]): Promise<void> {
  const session = findSession(model, options.session);
  const byTarget = new Map<string, ReadyRow[]>();
  for (const row of rows.filter(isWithoutId)) {
    const { name } = row.prepared.target;
    const group = byTarget.get(name) ?? [];
    group.push(row);
    byTarget.set(name, group);
  }
  for (const group of byTarget.values()) {
    const { target } = (group[0] as ReadyRow).prepared;
    const paths = Object.keys(target.keyPattern);
    const reading = {
      projection: Object.fromEntries(['_id', ...paths].map((path) => [path, 1])),
      readPreference: 'primary',
      ...(target.collation && { collation: target.collation }),
      ...(session && { session }),
    } as const;
    const filters = group.map(({ prepared }) => prepared.filter);
    const documents = await model.collection.find({ $or: filters }, reading).toArray();
    const idOf = new Map(
      documents.map((document) => [
        toComparable(paths.map((path) => valueAt(document, path))),
        document._id as unknown,
      ]),
    );
    for (const { prepared, outcome } of group as (ReadyRow & { outcome: { _id: unknown } })[]) {
      const { key, filter } = prepared;
      const values = Object.values(key).map((equality) => (equality as { $eq: unknown }).$eq);
      outcome._id = idOf.get(toComparable(values));
      // Equal for the server alone: by a collation, or as values of other types.
      outcome._id ??= (await model.collection.findOne(filter, reading))?._id;
    }
  }
}

function isWithoutId(row: Row): row is ReadyRow {
  const { outcome } = row;
  return outcome !== undefined && !('error' in outcome) && outcome._id === undefined;
}
