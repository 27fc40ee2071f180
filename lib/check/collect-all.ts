/** Completes an error with the other unique indexes that the same write violates. */
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

/** The longest time that a failed write waits for the lookup, in milliseconds. */
const COLLECT_LIMIT = 1000;

/**
 * Adds to `error` the errors of every other unique index that the same write violates: one query for each
 * index, all at once. Takes at most {@link COLLECT_LIMIT} ms and never rejects. If a query fails, the error is
 * unchanged except for `error.uniqueGuard`, which has the failure.
 *
 * Must not be called for a write in a transaction: the duplicate has aborted it, and a read outside of it
 * does not see the documents that it changed or deleted.
 */
export async function collectViolations(
  error: UniqueValidationError,
  model: AnyModel,
  toWrite: () => DocumentWrite | UpdateWrite,
): Promise<void> {
  try {
    const write = toWrite();
    // At least one error, all of the same index.
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

/** The errors of these violations, as if the server had reported each. */
export function toIndexErrorsOf(
  model: AnyModel,
  write: Write,
  violations: Violation[],
): IndexErrors[] {
  const options = findOptions(model.schema);
  return violations.flatMap(({ index, key }) => {
    const keyValue = Object.keys(index.keyPattern).map((path, at): [string, unknown] => [
      path,
      // Undefined stands for an empty array.
      key[at] === undefined ? [] : key[at],
    ]);
    // The key is what was written, never the sort key of a collation.
    const reported = { keyValue: new Map(keyValue), keyText: undefined, isPlain: true };
    return toIndexErrors(model, options, toViolatedIndex(index), reported, write) ?? [];
  });
}

/** True if the write inserted: an update that changes no path of the violated index would not violate it. */
function isInsert(write: Write, reported: UniqueIndex | undefined, keyPattern: object): boolean {
  if (write.document !== undefined) return write.loaded === undefined;
  const paths = [...Object.keys(keyPattern), ...pathsOfFilter(reported?.builtFilter)];
  return write.mayInsert === true && !paths.some((path) => isPathUpdated(write, path));
}

/** `maxTimeMS` limits the server; this limits the wait for a network that does not answer. */
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
