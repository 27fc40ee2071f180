/** `Model.saveOrUpsertMany()`: reads inputs in batches, prepares and sends each batch, counts the results. */
import { addHidden } from '../../convert/validation-error';
import { findSession, type AnyModel } from '../../mongoose-internals';
import { isObject } from '../../options/is-object';
import { show } from '../../options/show';
import { findTargets } from '../../schema/conflict-target';
import { startUpsertCall, type UpsertCall } from '../prepare/prepare-upsert';
import { checkOptionsOfMany, type SaveOrUpsertManyOptions } from '../upsert-options';
import { completeIds } from './complete-ids';
import { runPostSaveOfRows } from './run-post-save-of-rows';
import { compareAhead, prepareBatch, runBatch, type PreparedBatch } from './run-batch';
import type { Row } from './send-rows';

/** The result of one input. */
export type SaveOrUpsertManyEntry<Id = unknown> =
  | {
      /** Its position in the inputs, from 0. */
      index: number;
      /** True if no document existed before. */
      created: boolean;
      /** True for a new document, and if a stored value other than `updatedAt` changed. */
      changed: boolean;
      /** Undefined if another client deleted the document, or changed its key, right after the write. */
      _id: Id;
      /** Set only on the entry of an input that failed. */
      error?: undefined;
    }
  | SaveOrUpsertManyFailure;

/** The entry of an input that failed. */
export interface SaveOrUpsertManyFailure {
  /** Its position in the inputs, from 0. */
  index: number;
  /** A ValidationError for invalid input or another unique index, otherwise the error of a single call. */
  error: Error;
}

/** What saveOrUpsertMany resolves to. */
export interface SaveOrUpsertManyResult<Id = unknown, Entry = SaveOrUpsertManyEntry<Id>> {
  /** One for each input, in order; with `results: 'failed'` one for each input that failed. */
  results: Entry[];
  /** Documents that did not exist before. */
  created: number;
  /** Documents that existed and were changed. */
  updated: number;
  /** Documents that existed with all these values; their `updatedAt` stays. */
  unchanged: number;
  /** Documents that existed and were left alone: `onConflict: 'skip'`. */
  skipped: number;
  /** Inputs that were not written; their entries have the error. */
  failed: number;
}

type Inputs = Iterable<unknown> | AsyncIterable<unknown>;

/** See {@link UniqueGuardStatics.saveOrUpsertMany}. */
export async function saveOrUpsertMany(
  this: AnyModel,
  inputs: unknown,
  options: SaveOrUpsertManyOptions = {},
): Promise<SaveOrUpsertManyResult> {
  checkInputs(inputs);
  checkOptionsOfMany(options);
  const call = startUpsertCall(this, options);
  // Throws before an input is read: without a usable index, the whole call is wrong.
  if (call.named === undefined) findTargets(this);
  const { batchSize = 1000, ordered = false, onConflict, onProgress } = options;
  const total = Array.isArray(inputs) ? { total: inputs.length } : {};
  const result = { results: [], created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 };
  const counting = {
    toExisting: onConflict === 'skip' ? 'skipped' : 'updated',
    isListed: options.results !== 'failed',
  } as const;
  let done = 0;
  try {
    for await (const batch of prepareAhead(call, toBatches(inputs, batchSize), ordered)) {
      const { rows } = batch;
      try {
        await runBatch(call, batch, ordered);
      } finally {
        // If the batch rejects, `partialResult` of the error must count what is already written.
        addTo(result, rows, done, counting);
      }
      const isIdRead = counting.isListed || rows.some(({ prepared }) => prepared?.runsPostSave);
      if (isIdRead) await completeIds(this, options, rows);
      await runPostSaveOfRows(call, rows);
      done += rows.filter(({ outcome }) => outcome !== undefined).length;
      onProgress?.({ done, ...total });
      if (ordered && result.failed > 0) break;
    }
  } catch (error) {
    if (error instanceof Error) addHidden(error, { partialResult: result });
    throw error;
  }
  return result;
}

function checkInputs(inputs: unknown): asserts inputs is Inputs {
  if (isObject(inputs) && (Symbol.iterator in inputs || Symbol.asyncIterator in inputs)) return;
  if (isObject(inputs) && 'then' in inputs) {
    throw new TypeError(
      'saveOrUpsertMany: the inputs are a promise; await it: saveOrUpsertMany(await inputs).',
    );
  }
  throw new TypeError(
    `saveOrUpsertMany: the inputs are ${show(inputs)}; they must be an array, an iterable or an async ` +
      'iterable of plain objects. For one input call saveOrUpsert.',
  );
}

async function* toBatches(inputs: Inputs, size: number): AsyncGenerator<unknown[]> {
  let batch: unknown[] = [];
  for await (const input of inputs) {
    batch.push(input);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * Each batch, prepared. While one is sent, the next one is prepared, and compared with what is stored, unless
 * its middleware may depend on what was sent: in order, or in a session, which takes one command at a time.
 */
async function* prepareAhead(
  call: UpsertCall,
  batches: AsyncGenerator<unknown[]>,
  ordered: boolean,
): AsyncGenerator<PreparedBatch> {
  const { model, options, isPlain, keepsDocuments } = call;
  const session = findSession(model, options.session);
  const isPreparedAhead = isPlain || !(ordered || session);
  // Middleware that runs after the write may write documents of the next batch.
  const isComparedAhead = isPreparedAhead && !session && !keepsDocuments;
  const reading = { isPending: false };
  const prepareNext = async (sent?: PreparedBatch): Promise<PreparedBatch | undefined> => {
    reading.isPending = true;
    const inputs = await batches.next().finally(() => (reading.isPending = false));
    if (inputs.done) return undefined;
    const batch = await prepareBatch(call, inputs.value);
    if (sent && isComparedAhead) compareAhead(call, sent, batch);
    return batch;
  };
  try {
    let next = prepareNext();
    for (let batch = await next; batch !== undefined; batch = await next) {
      if (isPreparedAhead) next = prepareNext(batch);
      // Awaited only after the batch is sent; its error must not count as unhandled until then.
      next.catch(() => undefined);
      yield batch;
      if (!isPreparedAhead) next = prepareNext();
    }
  } finally {
    // After an error, or the end of an ordered call. A read that never ends must not delay it.
    const closed = batches.return(undefined);
    if (reading.isPending) closed.catch(() => undefined);
    else await closed;
  }
}

interface Counting {
  toExisting: 'skipped' | 'updated';
  /** True if the results also list inputs that did not fail. */
  isListed: boolean;
}

/** Skips rows without an outcome: their result is not known, or an ordered call ended before them. */
function addTo(
  result: SaveOrUpsertManyResult,
  rows: Row[],
  start: number,
  { toExisting, isListed }: Counting,
): void {
  for (const [position, row] of rows.entries()) {
    if (row.outcome === undefined) continue;
    // The result shares this object with the row, because completeIds() may still set its `_id`.
    const outcome = { index: start + position, ...row.outcome };
    row.outcome = outcome;
    if (isListed || 'error' in outcome) result.results.push(outcome);
    if ('error' in outcome) result.failed += 1;
    else if (outcome.created) result.created += 1;
    else result[toExisting === 'skipped' || outcome.changed ? toExisting : 'unchanged'] += 1;
  }
}
