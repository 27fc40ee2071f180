/** The same for many rows: insertMany gets a ValidationError, bulkWrite its own error with more on it. */
import type { AnyModel, UniqueGuardOptions } from '../options';
import { convertDuplicate } from './convert-duplicate';
import type { DuplicateRow, Duplicates } from './duplicate-key-error';
import { addHidden, makeValidationError, type UniqueValidationError } from './validation-error';
import type { Write } from './written-value';

type BulkDuplicates = Extract<Duplicates, { kind: 'bulk' }>;

/** What Mongoose puts on the error of insertMany and bulkWrite. */
interface MongooseBulkError {
  results?: unknown[];
  mongoose?: { results?: unknown[] };
}

/** The ValidationError of insertMany: the first duplicate row's fields, and every row's own error. */
export function toBulkValidationError(
  bulk: BulkDuplicates,
  model: AnyModel,
  options: UniqueGuardOptions,
): UniqueValidationError | undefined {
  const converted = convertRows(bulk, model, options);
  const validationErrors = [...converted.values()];
  const first = validationErrors[0];
  if (first === undefined) return undefined;
  const from = bulk.error as MongooseBulkError & Record<string, unknown>;
  const carried = ['insertedDocs', 'writeErrors', 'result', 'mongoose'].filter(
    (name) => name in from,
  );
  return addHidden(makeValidationError(model, Object.values(first.errors), bulk.error), {
    validationErrors,
    ...Object.fromEntries(carried.map((name) => [name, from[name]])),
    ...(from.results && { results: from.results.map((row) => converted.get(row) ?? row) }),
  });
}

/**
 * Adds `errors` and `validationErrors` to the error of bulkWrite. The same object: bulkSave reads its
 * name and its write errors to learn which documents were written.
 */
export function decorateBulkWriteError(
  bulk: BulkDuplicates,
  model: AnyModel,
  options: UniqueGuardOptions,
): object | undefined {
  const validationErrors = [...convertRows(bulk, model, options).values()];
  const { error } = bulk;
  const first = validationErrors[0];
  if (first === undefined) return undefined;
  return addHidden(error, { errors: first.errors, validationErrors, toJSON: toSafeJSON });
}

/** The driver's own would carry each row's `op`: whole documents, password hashes included. */
function toSafeJSON(this: Record<string, unknown>): object {
  const { name, message, code, errors, writeErrors } = this;
  const rows = (Array.isArray(writeErrors) ? writeErrors : [writeErrors]) as Record<
    string,
    unknown
  >[];
  return {
    name,
    message,
    code,
    errors,
    writeErrors: rows.map((row) => {
      const { index, code, errmsg } = { ...(row['err'] as object), ...row } as Record<
        string,
        unknown
      >;
      return { index, code, errmsg };
    }),
  };
}

/** The rows that an index explains, by the object that stands for them in the error's lists. */
function convertRows(
  { error, rows }: BulkDuplicates,
  model: AnyModel,
  options: UniqueGuardOptions,
): Map<unknown, UniqueValidationError> {
  const { mongoose } = error as MongooseBulkError;
  // Where rows were refused by validation before, the driver counts only those that were sent.
  const places = new Map(mongoose?.results?.map((row, place) => [row, place]));
  const converted = new Map<unknown, UniqueValidationError>();
  for (const row of rows) {
    const { writeError } = row;
    const validationError = convertDuplicate(row, model, options, toWrite(row), writeError);
    if (validationError === undefined) continue;
    const index = places.get(writeError) ?? row.index;
    converted.set(writeError, addHidden(validationError, { index }));
  }
  return converted;
}

/** The driver keeps a row as it sent it: a document, or an update statement. */
function toWrite({ op }: DuplicateRow): Write {
  if (typeof op !== 'object' || op === null) return {};
  if (!isUpdateStatement(op)) return { document: op, isComplete: true };
  const { q: filter, u } = op;
  const isReplacement = !Array.isArray(u) && !Object.keys(u).some((key) => key.startsWith('$'));
  return isReplacement ? { document: u, isComplete: true, filter } : { update: u, filter };
}

function isUpdateStatement(op: object): op is { q: object; u: object } {
  // An inserted document has an _id, so fields of its own named q and u do not make it one.
  return (
    !('_id' in op) && 'q' in op && 'u' in op && typeof op.q === 'object' && typeof op.u === 'object'
  );
}
