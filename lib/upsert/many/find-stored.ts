/** The documents that rows of a batch find, in one query for each conflict target. */
import { toComparable } from '../../bson/comparable';
import { findSession, type AnyModel } from '../../mongoose-internals';
import { outermost, valueAt, type Fields } from '../prepare/paths-and-values';
import type { UpsertOptions } from '../upsert-options';
import type { ReadyRow } from './send-rows';

/** With these paths of each document, its `_id` and the paths of its key, in the types that are stored. */
export async function findStored(
  model: AnyModel,
  options: UpsertOptions,
  rows: ReadyRow[],
  paths: string[],
): Promise<Map<ReadyRow, Fields>> {
  const found = new Map<ReadyRow, Fields>();
  for (const group of groupByTarget(rows)) {
    const { target } = (group[0] as ReadyRow).prepared;
    const keys = Object.keys(target.keyPattern);
    const reading = toReading(model, options, group, paths);
    const documents = await model.collection.find(toQuery(keys, group), reading).toArray();
    const byKey = new Map(
      documents.map((document) => [
        toComparable(keys.map((path) => valueAt(document, path))),
        document,
      ]),
    );
    for (const row of group) {
      const values = Object.values(row.prepared.key);
      const key = toComparable(values.map((equality) => (equality as { $eq: unknown }).$eq));
      const document = byKey.get(key);
      if (document) found.set(row, document);
    }
  }
  return found;
}

/** The options of a read that sees what was written. */
export function toReading(
  model: AnyModel,
  options: UpsertOptions,
  rows: ReadyRow[],
  paths: string[],
): object {
  const { target } = (rows[0] as ReadyRow).prepared;
  const session = findSession(model, options.session);
  const read = outermost(['_id', ...Object.keys(target.keyPattern), ...paths]);
  return {
    projection: Object.fromEntries(read.map((path) => [path, 1])),
    readPreference: 'primary',
    promoteValues: false,
    ...(target.collation && { collation: target.collation }),
    ...(session && { session }),
  };
}

function groupByTarget(rows: ReadyRow[]): ReadyRow[][] {
  const groups = new Map<string, ReadyRow[]>();
  for (const row of rows) {
    const { name } = row.prepared.target;
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return [...groups.values()];
}

/** A list of values costs the server less than a list of conditions. */
function toQuery(keys: string[], rows: ReadyRow[]): object {
  const filters = rows.map(({ prepared }) => prepared.filter);
  const [path] = keys;
  const isOnePath = keys.length === 1 && filters.every((one) => Object.keys(one).join() === path);
  if (!isOnePath || path === undefined) return { $or: filters };
  return { [path]: { $in: filters.map((one) => (one[path] as { $eq: unknown }).$eq) } };
}
