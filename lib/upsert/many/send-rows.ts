/** Sends rows as one bulkWrite and reads the outcome of each row from its result. */
import type { ClientSession } from 'mongoose';
import { captureFrames, setFrames, withoutStack } from '../../convert/stack';
import { isUniqueValidationError } from '../../convert/validation-error';
import { isInTransaction, type AnyModel } from '../../mongoose-internals';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import { convertUpsertError, sendFindAndModify } from '../send/find-and-modify';
import type { SentUpdate } from '../send/build-update';

/** One input of a batch, and its outcome once it is known. */
export interface Row {
  prepared?: PreparedUpsert;
  outcome?: Written | { error: Error };
}

/** The outcome of a row that did not fail. */
export interface Written {
  created: boolean;
  changed: boolean;
  _id: unknown;
}

/** A row that can be sent. */
export interface ReadyRow extends Row {
  prepared: PreparedUpsert;
  /** The same string for equal keys. A collation may consider more keys equal. */
  keyText: string;
  /** The caller's update with operators, cast. */
  operators: Promise<object>;
  update: SentUpdate;
  attempts: number;
  /** The `_id` of its document as the server holds it; known once it was compared or written. */
  storedId?: unknown;
}

export function isFailed({ outcome }: Row): boolean {
  return outcome !== undefined && 'error' in outcome;
}

/** What the rows of a batch share. */
export interface Batch {
  model: AnyModel;
  session: ClientSession | null | undefined;
  maxRetries: number;
  /** True if the call stops at the first row that fails. */
  ordered: boolean;
}

/**
 * Sets the outcome of the rows. In order, rows after the first failed one get none. A row that may only
 * update is sent alone, because the result of a bulkWrite does not report whether it found a document.
 */
export async function sendRows(batch: Batch, rows: ReadyRow[], isInOrder: boolean): Promise<void> {
  if (isInOrder) {
    const [first] = rows;
    if (first?.prepared.updateOnlyError) {
      await sendAlone(batch, first);
      return;
    }
    const end = rows.findIndex(({ prepared }) => prepared.updateOnlyError);
    await sendTogether(batch, end === -1 ? rows : rows.slice(0, end), true);
    return;
  }
  const together = rows.filter(({ prepared }) => !prepared.updateOnlyError);
  if (together.length > 0) await sendTogether(batch, together, false);
  const alone = rows.filter(({ prepared }) => prepared.updateOnlyError);
  // One session takes one command at a time.
  if (batch.session) for (const row of alone) await sendAlone(batch, row);
  else {
    // Wait for all of them: a caller that retries must not collide with writes of the failed call.
    const sent = await Promise.allSettled(alone.map((row) => sendAlone(batch, row)));
    for (const one of sent) if (one.status === 'rejected') throw one.reason;
  }
}

async function sendAlone(batch: Batch, row: ReadyRow): Promise<void> {
  const { model, session } = batch;
  const { prepared, update } = row;
  const { target, filter } = prepared;
  const options = {
    projection: { _id: 1 },
    ...(target.collation && { collation: target.collation }),
    ...commonOptions(batch),
  };
  try {
    const sent = sendFindAndModify(model.collection, prepared, filter, update, options);
    const { value, created } = await sent;
    const isWritten = created || prepared.write.kind !== 'skip';
    row.outcome = { created, changed: isWritten, _id: (value as { _id: unknown })._id };
  } catch (error) {
    // A missing required path does not abort a transaction; an error of the server does.
    const isMissingPath = error === prepared.updateOnlyError?.error;
    // The driver's frames end before those of the caller.
    if (isUniqueValidationError(error)) setFrames(error, captureFrames());
    if (!isMissingPath && (isCommandError(error) || isInTransaction(session))) throw error;
    row.outcome = { error: error as Error };
  }
}

/** The options that Mongoose sets on its own writes. A transaction has its own write concern. */
function commonOptions({ model, session }: Batch): object {
  const { writeConcern } = model.schema.options;
  const isConcerned = writeConcern !== undefined && !isInTransaction(session);
  return { ...(session && { session }), ...(isConcerned && { writeConcern }) };
}

/** The driver's error for single operations of a bulkWrite. */
interface BulkError {
  writeErrors: WriteError[];
  result: BulkResult & { getWriteConcernError?(): unknown };
}

interface WriteError {
  index: number;
  code: number;
  errmsg: string;
  errInfo?: object;
}

interface BulkResult {
  upsertedIds: Record<number, unknown>;
}

async function sendTogether(batch: Batch, rows: ReadyRow[], ordered: boolean): Promise<void> {
  const { model } = batch;
  const operations = rows.map(({ prepared: { filter, target }, update }) => ({
    updateOne: {
      filter,
      update,
      upsert: true,
      ...(target.collation && { collation: target.collation }),
    },
  }));
  const options = { ordered, ...commonOptions(batch) };
  let result: BulkResult;
  let writeErrors: WriteError[] = [];
  try {
    result = await model.collection.bulkWrite(operations, options);
  } catch (error) {
    if (!isRowError(error)) throw error;
    ({ result, writeErrors } = error);
    setErrors(batch, rows, writeErrors);
  }
  const end = ordered && writeErrors[0] ? writeErrors[0].index : rows.length;
  rows.slice(0, end).forEach((row, index) => {
    const created = index in result.upsertedIds;
    const changed = created || row.prepared.write.kind !== 'skip';
    row.outcome ??= { created, changed, _id: created ? result.upsertedIds[index] : row.storedId };
  });
}

/** @throws the first error in a transaction, which aborts it */
function setErrors({ model, session }: Batch, rows: ReadyRow[], writeErrors: WriteError[]): void {
  // One stack for all rows: to capture one takes as long as to convert an error.
  const frames = captureFrames();
  for (const writeError of writeErrors) {
    const row = rows[writeError.index] as ReadyRow;
    const { prepared, update } = row;
    const { filter, write } = prepared;
    const serverError = withoutStack(() => toServerError(model, writeError));
    const error = convertUpsertError(serverError, {
      model: prepared.model,
      write,
      filter,
      update,
    });
    setFrames(error, frames);
    if (isInTransaction(session)) throw error;
    row.outcome = { error };
  }
}

/** True if the server refused single rows and nothing else failed. */
function isRowError(error: unknown): error is BulkError {
  const { writeErrors, result } = error as Partial<BulkError>;
  return (
    !isCommandError(error) &&
    Array.isArray(writeErrors) &&
    writeErrors.length > 0 &&
    result !== undefined &&
    result.getWriteConcernError?.() === undefined
  );
}

/**
 * True if the whole command failed. An error without a code is not from the server, such as a lost
 * connection. Labels say that a whole command or transaction can be retried. A write concern belongs to
 * the whole command.
 */
function isCommandError(error: unknown): boolean {
  const { code, errorLabels, result } = error as {
    code?: unknown;
    errorLabels?: string[];
    result?: { writeConcernError?: unknown };
  };
  return (
    code === undefined || (errorLabels ?? []).length > 0 || result?.writeConcernError !== undefined
  );
}

/** The error that the same write rejects with if it is sent alone. */
function toServerError(model: AnyModel, { errmsg, code, errInfo }: WriteError): Error {
  const { MongoServerError } = model.base.mongo;
  return new MongoServerError({ message: errmsg, errmsg, code, ...(errInfo && { errInfo }) });
}
