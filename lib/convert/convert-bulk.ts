/** Converts errors of many rows: insertMany gets a ValidationError, bulkWrite its own error, extended. */
import { isObject } from '../options/is-object';
import { readOperation } from '../write/bulk-operation';
import { convertDuplicate, type Conversion } from './convert-duplicate';
import type { Duplicates } from './find-duplicates';
import { hideCause, hideMessage } from './hide-values';
import { addHidden, makeValidationError, type UniqueValidationError } from './validation-error';

type BulkDuplicates = Extract<Duplicates, { kind: 'bulk' }>;

/** What Mongoose puts on the error of insertMany and bulkWrite. */
interface MongooseBulkError {
  results?: unknown[];
  mongoose?: { results?: unknown[] };
}

/**
 * The ValidationError of insertMany: the first duplicate row's fields, and every row's own error.
 * If no row could be converted, a sentence that says why.
 */
export function toBulkValidationError(
  conversion: Conversion,
  bulk: BulkDuplicates,
): UniqueValidationError | string {
  const { converted, others, reason, hidesValue } = convertRows(conversion, bulk);
  const validationErrors = [...converted.values()];
  const first = validationErrors[0];
  if (first === undefined) return reason;
  const from = bulk.error as MongooseBulkError & Record<string, unknown>;
  const carried = ['insertedDocs', 'writeErrors', 'result', 'mongoose'].filter(
    (name) => name in from,
  );
  hideProperties(from, ['insertedDocs', 'results', 'mongoose']);
  const cause = hidesValue ? hideCause(bulk.error) : bulk.error;
  const { keyPattern, keyValue } = first;
  const validatorErrors = Object.values(first.errors);
  const error = makeValidationError(
    conversion.model,
    { validatorErrors, keyPattern, keyValue },
    cause,
    conversion.frames,
  );
  if (others.length > 0) error.message += `; other write errors: ${listRows(others)}`;
  return addHidden(error, {
    validationErrors,
    ...Object.fromEntries(carried.map((name) => [name, from[name]])),
    ...(from.results && {
      results: from.results.map((row) => converted.get(row as object) ?? row),
    }),
  });
}

/**
 * Adds `errors` and `validationErrors` to the error of bulkWrite. The same object: bulkSave reads its
 * name and its write errors to learn which documents were written.
 */
export function decorateBulkWriteError(
  conversion: Conversion,
  bulk: BulkDuplicates,
): object | string {
  const { converted, reason, hidesValue } = convertRows(conversion, bulk);
  const validationErrors = [...converted.values()];
  const first = validationErrors[0];
  if (first === undefined) return reason;
  const { error } = bulk;
  if (hidesValue && error instanceof Error) hideMessage(error);
  const { errors, keyPattern, keyValue } = first;
  return addHidden(error, { errors, keyPattern, keyValue, validationErrors, toJSON: toSafeJSON });
}

interface ConvertedRows {
  /** By the row's object in the lists of the error. */
  converted: Map<object, UniqueValidationError>;
  /** The rows that failed for another reason, or that no index explains. */
  others: object[];
  /** Why the first row that was not converted was not. */
  reason: string;
  /** True if a row contains a hidden value. */
  hidesValue: boolean;
}

function convertRows(
  conversion: Conversion,
  { error, rows, otherErrors }: BulkDuplicates,
): ConvertedRows {
  const { mongoose } = error as MongooseBulkError;
  // If validation refused some rows, the driver counts only the rows that were sent.
  const positions = new Map(mongoose?.results?.map((row, index) => [row, index]));
  const converted: ConvertedRows['converted'] = new Map();
  const left: { row: object; reason: string }[] = [];
  let hidesValue = false;
  for (const row of rows) {
    const { writeError } = row;
    const { operation, write } = readOperation(row.op);
    const outcome = convertDuplicate(conversion, row, { ...write, operation }, writeError);
    if (typeof outcome === 'string') {
      left.push({ row: writeError, reason: outcome });
    } else {
      const index = positions.get(writeError) ?? row.index;
      const isHidden = outcome.cause !== writeError;
      hidesValue ||= isHidden;
      keepOutOfLogs(writeError, isHidden);
      converted.set(writeError, addHidden(outcome, { index, operation }));
    }
  }
  const others = [...otherErrors, ...left.map(({ row }) => row)];
  if (converted.size > 0) {
    for (const other of others) keepOutOfLogs(other, false);
    for (const { row, reason } of left) conversion.onLeft(row, reason);
  }
  return { converted, others, reason: left[0]?.reason ?? '', hidesValue };
}

/** Logs and JSON would show whole documents; Mongoose and the user's code still find them there. */
function keepOutOfLogs(writeError: object, isHidden: boolean): void {
  const server = 'err' in writeError && isObject(writeError.err) ? writeError.err : writeError;
  hideProperties(server, isHidden ? ['op', 'errmsg'] : ['op']);
  const { errmsg } = server as { errmsg?: unknown };
  const shown = { ...describeRow(writeError), ...(!isHidden && { errmsg }) };
  // The driver's own toJSON names the operation.
  addHidden(writeError, { toJSON: () => shown });
}

function hideProperties(object: object, names: string[]): void {
  for (const name of names.filter((one) => Object.hasOwn(object, one))) {
    Reflect.defineProperty(object, name, { enumerable: false });
  }
}

/** Index and code of a row, from the driver's write error or Mongoose 8's copy of it. */
function describeRow(row: object): { index: unknown; code: unknown } {
  const { err, index, code } = row as Record<string, unknown>;
  const server = isObject(err) ? err : {};
  return { index: index ?? server['index'], code: code ?? server['code'] };
}

const MAX_LISTED = 5;

function listRows(rows: object[]): string {
  const listed = rows.slice(0, MAX_LISTED).map((row) => {
    const { index, code } = describeRow(row);
    return `row ${String(index)} (code ${String(code)})`;
  });
  const more = rows.length - listed.length;
  return listed.join(', ') + (more > 0 ? ` and ${String(more)} more` : '');
}

/** The driver's own would carry each row's `op`: whole documents, password hashes included. */
function toSafeJSON(this: Record<string, unknown>): object {
  const { name, message, code, errors, writeErrors } = this;
  const rows = (Array.isArray(writeErrors) ? writeErrors : [writeErrors]).filter(isObject);
  return { name, message, code, errors, writeErrors: rows.map(describeRow) };
}
