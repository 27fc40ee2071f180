/** One batch of saveOrUpsertMany: prepared together, sent as one bulkWrite, races run again. */
import { toComparable } from '../../bson/comparable';
import type { UniqueValidationError } from '../../convert/validation-error';
import { findSession, type AnyModel } from '../../mongoose-internals';
import { toSaveError } from '../post-save';
import { prepareUpsert, type UpsertCall } from '../prepare/prepare-upsert';
import { findMaxRetries, isLostRace, noteAttempts, waitBeforeRetry } from '../send/retry';
import { isSmall, buildUpdate } from '../send/build-update';
import { castOperators } from './cast-operators';
import { skipUnchanged } from './skip-unchanged';
import { sendRows, type Batch, type ReadyRow, type Row } from './send-rows';

/**
 * Rejects only with what is no row's own: a lost connection, or the first error in a transaction. The
 * rows of a stopped ordered batch that were not sent have no outcome.
 */
export async function runBatch(
  call: UpsertCall,
  inputs: unknown[],
  { ordered }: Pick<Batch, 'ordered'>,
): Promise<Row[]> {
  const { model, options } = call;
  const session = findSession(model, options.session);
  const batch = { model, session, maxRetries: findMaxRetries(model, options), ordered };
  const cast = new Map<AnyModel, Promise<object>>();
  const rows = await Promise.all(inputs.map((input) => prepareRow(call, input, cast)));
  const ready = rows.filter((row): row is ReadyRow => row.prepared !== undefined);
  const [first, again] = splitByKey(ready);
  // Only the first with its key: what another one finds is what that one has left.
  await skipUnchanged(model, options, first);
  for (const row of again) {
    const { model: own, write } = row.prepared;
    row.update = buildUpdate(write, await row.operators, isSmall(own, write));
  }
  if (ordered) {
    const failed = rows.findIndex(isFailed);
    await settle(batch, failed === -1 ? ready : (rows.slice(0, failed) as ReadyRow[]), true);
    // None after the first that failed was written, whatever it would have been.
    const end = rows.findIndex(isFailed);
    if (end !== -1) for (const row of rows.slice(end + 1)) delete row.outcome;
  } else {
    await settle(batch, first, false);
    // In order: what a row finds there must be what the one before it with the same key has left.
    await settle(batch, again, true);
  }
  for (const row of ready) {
    const { prepared, outcome } = row;
    if (outcome === undefined || !('error' in outcome)) continue;
    row.outcome = {
      error: (await toSaveError(prepared.seen.inserted, options, outcome.error)) as Error,
    };
  }
  return rows;
}

function isFailed({ outcome }: Row): boolean {
  return outcome !== undefined && 'error' in outcome;
}

async function prepareRow(
  call: UpsertCall,
  input: unknown,
  cast: Map<AnyModel, Promise<object>>,
): Promise<Row | ReadyRow> {
  try {
    const prepared = await prepareUpsert(call, input);
    const { model, write } = prepared;
    const operators = cast.get(model) ?? castOperators(model, call.rule);
    cast.set(model, operators);
    const update = buildUpdate(write, await operators, false);
    return { prepared, operators, update, attempts: 0 };
  } catch (error) {
    return { outcome: { error: error as Error } };
  }
}

/** The rows that are the first with their key, and the others. */
function splitByKey(rows: ReadyRow[]): [first: ReadyRow[], again: ReadyRow[]] {
  const seen = new Set<string>();
  const first: ReadyRow[] = [];
  const again: ReadyRow[] = [];
  for (const row of rows) {
    const { target, key } = row.prepared;
    const text = toComparable([target.name, ...Object.values(key)]);
    const group = target.collation === undefined ? text : fold(text);
    (seen.has(group) ? again : first).push(row);
    seen.add(group);
  }
  return [first, again];
}

/** Texts that any collation takes for one are one; some that are not are one too, which only waits. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}

/** Sends rows until each has its outcome, or until one fails in an ordered batch. */
async function settle(batch: Batch, rows: ReadyRow[], isInOrder: boolean): Promise<void> {
  let waiting = rows.filter(({ outcome }) => outcome === undefined);
  while (waiting.length > 0) {
    await sendRows(batch, waiting, isInOrder);
    const lost: ReadyRow[] = [];
    for (const row of waiting.filter(({ outcome }) => outcome !== undefined)) {
      row.attempts += 1;
      const error = findRaceError(row);
      if (error === undefined) continue;
      noteAttempts(error, row.attempts);
      if (row.attempts <= batch.maxRetries) lost.push(row);
    }
    for (const row of lost) delete row.outcome;
    if (batch.ordered && waiting.some(isFailed)) return;
    waiting = waiting.filter(({ outcome }) => outcome === undefined);
    const attempts = Math.max(0, ...lost.map((row) => row.attempts));
    if (attempts > 0) await waitBeforeRetry(attempts - 1);
  }
}

function findRaceError({ outcome, prepared }: ReadyRow): UniqueValidationError | undefined {
  const error = outcome && 'error' in outcome ? outcome.error : undefined;
  return isLostRace(prepared.target, error) ? error : undefined;
}
