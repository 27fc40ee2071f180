/** `Model.saveOrUpsertMany()`: reads inputs in batches, prepares and sends each batch, counts the results. */
import { addHidden } from '../../convert/validation-error';
import type { AnyModel } from '../../mongoose-internals';
import { show } from '../../options/show';
import { findTargets } from '../../schema/conflict-target';
import { startUpsertCall } from '../prepare/prepare-upsert';
import { checkOptionsOfMany, type SaveOrUpsertManyOptions } from '../upsert-options';
import { completeIds } from './complete-ids';
import { runPostSaveOfRows } from './run-post-save-of-rows';
import { runBatch } from './run-batch';
import type { Row } from './send-rows';

/** What became of one input. */
export type SaveOrUpsertManyEntry<Id = unknown> =
  | {
      /** Its place in the inputs. */
      index: number;
      /** Was there no document before? */
      created: boolean;
      /** Is the document a new one, or was a stored value other than `updatedAt` another one? */
      changed: boolean;
      /** Undefined where another client deleted the document at once, or changed its key. */
      _id: Id;
      /** Of an input that failed alone. */
      error?: undefined;
    }
  | {
      /** Its place in the inputs. */
      index: number;
      /** A ValidationError: invalid input, or another unique index. Else what a single call rejects with. */
      error: Error;
    };

/** What saveOrUpsertMany resolves to. */
export interface SaveOrUpsertManyResult<Id = unknown> {
  /** One for each input, in order. */
  results: SaveOrUpsertManyEntry<Id>[];
  /** Documents that were not there before. */
  created: number;
  /** Documents that existed and were changed. */
  updated: number;
  /** Documents that existed with all these values; their `updatedAt` stays. */
  unchanged: number;
  /** Documents that were there and were left alone: `onConflict: 'skip'`. */
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
  // Not for each of the inputs: a call that can write none is wrong as a whole.
  if (call.named === undefined) findTargets(this);
  const { batchSize = 1000, ordered = false, onConflict, onProgress } = options;
  const total = Array.isArray(inputs) ? { total: inputs.length } : {};
  const result = { results: [], created: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0 };
  const toExisting = onConflict === 'skip' ? 'skipped' : 'updated';
  try {
    for await (const batch of toBatches(inputs, batchSize)) {
      const rows = await runBatch(call, batch, { ordered });
      addTo(result, rows, toExisting);
      await completeIds(this, options, rows);
      await runPostSaveOfRows(call, rows);
      onProgress?.({ done: result.results.length, ...total });
      if (ordered && result.failed > 0) break;
    }
  } catch (error) {
    // What is in the database already must not be lost with the error.
    if (error instanceof Error) addHidden(error, { partialResult: result });
    throw error;
  }
  return result;
}

function checkInputs(inputs: unknown): asserts inputs is Inputs {
  const isObject = typeof inputs === 'object' && inputs !== null;
  if (isObject && (Symbol.iterator in inputs || Symbol.asyncIterator in inputs)) return;
  if (isObject && 'then' in inputs) {
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

/** Rows without an outcome come after the one that ended an ordered call. */
function addTo(
  result: SaveOrUpsertManyResult,
  rows: Row[],
  toExisting: 'skipped' | 'updated',
): void {
  for (const row of rows) {
    if (row.outcome === undefined) return;
    // The row's own from here on: its `_id` may still have to be found.
    const outcome = { index: result.results.length, ...row.outcome };
    row.outcome = outcome;
    result.results.push(outcome);
    if ('error' in outcome) result.failed += 1;
    else if (outcome.created) result.created += 1;
    else result[toExisting === 'skipped' || outcome.changed ? toExisting : 'unchanged'] += 1;
  }
}
