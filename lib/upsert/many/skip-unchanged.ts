/** Finds rows whose values are all stored already, so that nothing is sent for them. */
import { sameBytesFor, type IsSameValue } from '../../bson/same-value';
import type { AnyModel } from '../../mongoose-internals';
import { pathsOf } from '../../write/write';
import { valueAt, withValuesOf, type Fields } from '../prepare/paths-and-values';
import type { UpsertWrite } from '../prepare/plan-write';
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
  const compared = rows.filter(({ prepared }) => isComparable(prepared.write));
  if (compared.length === 0) return;
  const isSame = sameBytesFor(model);
  for (const [row, document] of await findStored(model, options, compared, findPaths(compared))) {
    row.storedId = document['_id'];
    if (isStored(row.prepared.write, document, isSame)) {
      row.outcome = { created: false, changed: false, _id: row.storedId };
    }
  }
}

/** False for a row that is compared elsewhere or always changes a value. */
function isComparable(write: UpsertWrite): boolean {
  if (write.kind !== 'update') return write.kind === 'replace';
  const { $push, $addToSet } = write.onUpdate as Record<string, Fields | undefined>;
  return !write.usesOperators && isExpressible(write.onUpdate) && !$push && !$addToSet;
}

/** The paths to compare; undefined for whole documents. */
function findPaths(rows: ReadyRow[]): string[] | undefined {
  const paths = new Set<string>();
  for (const { prepared } of rows) {
    if (prepared.write.kind !== 'update') return undefined;
    for (const path of pathsOf(prepared.write.onUpdate)) paths.add(path);
  }
  return [...paths];
}

function isStored(write: UpsertWrite, stored: Fields, isSame: IsSameValue): boolean {
  if (write.kind === 'replace') {
    // As the pipeline of send/build-update.ts leaves the document.
    const { existing, kept, onChange, isNested } = write;
    const paths = [...kept, ...Object.keys(onChange.times)];
    const entries = Object.entries(withValuesOf(existing, stored, paths, isNested));
    return (
      entries.length === Object.keys(stored).length &&
      entries.every(([name, value]) => isSame(value, stored[name]))
    );
  }
  const { $set = {}, $unset = {} } = (write as UpsertWrite & { kind: 'update' }).onUpdate;
  return (
    Object.entries($set).every(([path, value]) => isSame(value, valueAt(stored, path))) &&
    Object.keys($unset).every((path) => valueAt(stored, path) === undefined)
  );
}
