/** All the unique indexes that a write violates, where the server has reported one. */
import { toViolatedIndex } from '../convert/match-index';
import { toIndexErrors, type IndexErrors } from '../convert/to-validator-errors';
import {
  addErrors,
  addHidden,
  type UniqueValidationError,
  type UniqueValidatorError,
} from '../convert/validation-error';
import type { AnyModel } from '../mongoose-internals';
import { findOptions } from '../options/plugin-options';
import { pathsOfFilter } from '../schema/partial-filter';
import { findUniqueIndexes, type UniqueIndex } from '../schema/unique-index';
import { isPathUpdated, type DocumentWrite, type UpdateWrite, type Write } from '../write/write';
import { findViolations, type Violation } from './find-violations';
import { toKnownWrite } from './known-write';

/** How long a failed write may wait for the other fields, in milliseconds. */
const COLLECT_LIMIT = 1000;

/**
 * Adds to `error` the errors of every other unique index that the same write violates, by one query for
 * each, all at once. Takes at most {@link COLLECT_LIMIT} and never rejects: where a query fails, the error
 * stays as it is, with what failed in `error.uniqueGuard`.
 *
 * Not for a write in a transaction: the duplicate has aborted it, and outside of it the documents
 * that it deleted or changed still have their old keys.
 */
export async function collectViolations(
  error: UniqueValidationError,
  model: AnyModel,
  toWrite: () => DocumentWrite | UpdateWrite,
): Promise<void> {
  try {
    const write = toWrite();
    // There is at least one, and all are of one index.
    const [first] = Object.values(error.errors) as [UniqueValidatorError];
    const { index: name, keyPattern } = first.properties;
    const paths = Object.keys(keyPattern).join();
    const isReported = (index: UniqueIndex) =>
      index.name === name || (name === undefined && Object.keys(index.keyPattern).join() === paths);
    const all = findUniqueIndexes(model);
    const known = toKnownWrite(model, write, isInsert(write, all.find(isReported), keyPattern));
    if (known === undefined) return;
    const others = all.filter((index) => !isReported(index));
    const found = await withinLimit(
      findViolations(model, known, others, { maxTimeMS: COLLECT_LIMIT }),
    );
    for (const { validatorErrors } of toIndexErrorsOf(model, write, found)) {
      addErrors(error, validatorErrors);
    }
  } catch (failure) {
    const reason = 'The other unique indexes could not be looked up, or a message function failed.';
    addHidden(error, { uniqueGuard: { reason, failure } });
  }
}

/** The errors of these violations, as the server's own report of each would give them. */
export function toIndexErrorsOf(
  model: AnyModel,
  write: Write,
  violations: Violation[],
): IndexErrors[] {
  const options = findOptions(model.schema);
  return violations.flatMap(({ index, key }) => {
    const told = Object.keys(index.keyPattern).map((path, at): [string, unknown] => [
      path,
      // An array without elements, which in an index is a value of its own.
      key[at] === undefined ? [] : key[at],
    ]);
    // The key is what was written, never the sort key of a collation.
    const reported = { keyValue: new Map(told), keyText: undefined, isPlain: true };
    return toIndexErrors(model, options, toViolatedIndex(index), reported, write) ?? [];
  });
}

/** An upsert that violates an index of which it changes nothing, in a document that exists, inserted. */
function isInsert(write: Write, reported: UniqueIndex | undefined, keyPattern: object): boolean {
  if (write.document !== undefined) return write.loaded === undefined;
  const paths = [...Object.keys(keyPattern), ...pathsOfFilter(reported?.builtFilter)];
  return write.mayInsert === true && !paths.some((path) => isPathUpdated(write, path));
}

/** The server keeps its limit by itself; this one is for a network that does not answer. */
async function withinLimit<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${COLLECT_LIMIT} ms`));
    }, COLLECT_LIMIT);
  });
  try {
    return await Promise.race([answer, limit]);
  } finally {
    clearTimeout(timer);
  }
}
