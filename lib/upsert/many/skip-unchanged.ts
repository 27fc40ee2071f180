/** Rows whose values are all stored already: nothing is sent for them. */
import { sameBytesFor } from '../../bson/same-value';
import type { AnyModel } from '../../mongoose-internals';
import { pathsOf, valueAt, type Fields, type Operators } from '../prepare/paths-and-values';
import { isExpressible } from '../send/to-pipeline';
import type { UpsertOptions } from '../upsert-options';
import { findStored } from './find-stored';
import type { ReadyRow } from './send-rows';

/**
 * Gives those rows their outcome, and each other row the `_id` of the document that it finds. To leave out
 * a row that changes nothing is the same as to have written it at the moment of the read.
 */
export async function skipUnchanged(
  model: AnyModel,
  options: UpsertOptions,
  rows: ReadyRow[],
): Promise<void> {
  const compared = rows.filter((row) => findOperators(row) !== undefined);
  if (compared.length === 0) return;
  const paths = compared.flatMap((row) => pathsOf(findOperators(row) as Operators));
  const stored = await findStored(model, options, compared, [...new Set(paths)]);
  const isSame = sameBytesFor(model);
  for (const [row, document] of stored) {
    row.storedId = document['_id'];
    const { $set = {}, $unset = {} } = findOperators(row) as Operators;
    const isStored =
      Object.entries($set).every(([path, value]) => isSame(value, valueAt(document, path))) &&
      Object.keys($unset).every((path) => valueAt(document, path) === undefined);
    if (isStored) row.outcome = { created: false, changed: false, _id: row.storedId };
  }
}

/** Undefined for a row that is compared elsewhere or that changes something in any case. */
function findOperators({ prepared: { write } }: ReadyRow): Operators | undefined {
  if (write.kind !== 'update' || write.isByOperators || !isExpressible(write.always)) {
    return undefined;
  }
  const { $push, $addToSet } = write.always as Record<string, Fields | undefined>;
  return $push || $addToSet ? undefined : write.always;
}
