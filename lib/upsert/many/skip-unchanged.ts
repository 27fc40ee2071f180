/** Finds rows whose values are all stored already, so that nothing is sent for them. */
import { sameBytesFor } from '../../bson/same-value';
import type { AnyModel } from '../../mongoose-internals';
import { pathsOf } from '../../write/write';
import { valueAt, type Fields, type Operators } from '../prepare/paths-and-values';
import { isExpressible } from '../send/to-pipeline';
import type { UpsertOptions } from '../upsert-options';
import { findStored } from './find-stored';
import type { ReadyRow } from './send-rows';

/**
 * Sets the outcome of these rows, and `storedId` of the other rows that match a document. To skip a row
 * that changes nothing has the same effect as to write it at the time of the read.
 */
export async function skipUnchanged(
  model: AnyModel,
  options: UpsertOptions,
  rows: ReadyRow[],
): Promise<void> {
  const compared = new Map<ReadyRow, Operators>();
  const paths = new Set<string>();
  for (const row of rows) {
    const operators = findOperators(row);
    if (operators === undefined) continue;
    compared.set(row, operators);
    for (const path of pathsOf(operators)) paths.add(path);
  }
  if (compared.size === 0) return;
  const stored = await findStored(model, options, [...compared.keys()], [...paths]);
  const isSame = sameBytesFor(model);
  for (const [row, document] of stored) {
    row.storedId = document['_id'];
    const { $set = {}, $unset = {} } = compared.get(row) as Operators;
    const isStored =
      Object.entries($set).every(([path, value]) => isSame(value, valueAt(document, path))) &&
      Object.keys($unset).every((path) => valueAt(document, path) === undefined);
    if (isStored) row.outcome = { created: false, changed: false, _id: row.storedId };
  }
}

/** The operators to compare; undefined for a row that is compared elsewhere or always changes a value. */
function findOperators({ prepared: { write } }: ReadyRow): Operators | undefined {
  if (write.kind !== 'update' || write.usesOperators || !isExpressible(write.onUpdate)) {
    return undefined;
  }
  const { $push, $addToSet } = write.onUpdate as Record<string, Fields | undefined>;
  return $push || $addToSet ? undefined : write.onUpdate;
}
