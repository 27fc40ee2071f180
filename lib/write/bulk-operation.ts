/** What one operation of a bulk write wrote. Pure. */
import { isObject } from '../options/is-object';
import type { Write } from './write';

/** The name of the operation in Mongoose's `bulkWrite()`. */
export type BulkOperation = 'insertOne' | 'updateOne' | 'updateMany' | 'replaceOne';

/** The driver keeps a row as it sent it: a document, or an update statement. */
export function readOperation(op: unknown): { operation?: BulkOperation; write: Write } {
  if (!isObject(op)) return { write: {} };
  if (!isUpdateStatement(op)) {
    return { operation: 'insertOne', write: { document: op, isComplete: true, mayInsert: true } };
  }
  const { q: filter, u, multi, upsert: mayInsert = false } = op;
  const isReplacement = !Array.isArray(u) && !Object.keys(u).some((key) => key.startsWith('$'));
  return isReplacement
    ? { operation: 'replaceOne', write: { document: u, isComplete: true, filter, mayInsert } }
    : { operation: multi ? 'updateMany' : 'updateOne', write: { update: u, filter, mayInsert } };
}

const STATEMENT_KEYS = new Set([
  'q',
  'u',
  'upsert',
  'multi',
  'hint',
  'collation',
  'arrayFilters',
  'sort',
  'c',
]);

/** A document may have fields named q and u, but not only these: it also has an _id. */
function isUpdateStatement(
  op: object,
): op is { q: object; u: object; multi?: boolean; upsert?: boolean } {
  const isStatement = Object.keys(op).every((key) => STATEMENT_KEYS.has(key));
  return isStatement && 'q' in op && 'u' in op && isObject(op.q) && isObject(op.u);
}
