/** Sends rows that depend on each other in order, with a bounded number of operations for each row. */
import type { UniqueValidationError } from '../../convert/validation-error';
import { isLostRace, noteAttempts, waitBeforeRetry } from '../send/retry';
import { isFailed, sendRows, type Batch, type ReadyRow } from './send-rows';

interface Chain {
  rows: ReadyRow[];
  /** How many of them have their outcome. */
  done: number;
}

/**
 * Sets the outcome of each row of each chain. An ordered call ends at the first row that fails.
 *
 * The rows are sent in waves. The first wave has one row of each chain. While nothing fails, each wave
 * takes twice as many rows of each chain as the last one, in order. After a failure, it takes as many as
 * were settled. This limits the work to three operations for each attempt, whatever fails. An ordered
 * call, which ends at a failure, begins with all rows.
 */
export async function sendChains(batch: Batch, chains: ReadyRow[][]): Promise<void> {
  let waiting = chains
    .map((rows): Chain => ({ rows: rows.filter((row) => row.outcome === undefined), done: 0 }))
    .filter(isWaiting);
  let depth = batch.ordered ? Infinity : 1;
  while (waiting.length > 0) {
    const wave = waiting.flatMap(({ rows, done }) => rows.slice(done, done + depth));
    await sendRows(batch, wave, wave.length > waiting.length);
    const settled = wave.filter(({ outcome }) => outcome !== undefined);
    const hasFailed = settled.some(isFailed);
    const attempts = releaseLost(batch, settled);
    if (batch.ordered && settled.some(isFailed)) return;
    if (hasFailed) depth = Math.max(1, Math.floor(settled.length / waiting.length));
    else if (settled.length === wave.length) depth *= 2;
    waiting = waiting.filter(advance);
    if (attempts > 0) await waitBeforeRetry(attempts - 1);
  }
}

function isWaiting({ rows, done }: Chain): boolean {
  return done < rows.length;
}

function advance(chain: Chain): boolean {
  while (chain.rows[chain.done]?.outcome !== undefined) chain.done += 1;
  return isWaiting(chain);
}

/** Deletes the outcome of rows to retry. Returns the highest number of attempts among them. */
function releaseLost({ maxRetries }: Batch, rows: ReadyRow[]): number {
  let most = 0;
  for (const row of rows) {
    row.attempts += 1;
    const error = findRaceError(row);
    if (error === undefined) continue;
    noteAttempts(error, row.attempts);
    if (row.attempts > maxRetries) continue;
    delete row.outcome;
    most = Math.max(most, row.attempts);
  }
  return most;
}

function findRaceError({ outcome, prepared }: ReadyRow): UniqueValidationError | undefined {
  const error = outcome && 'error' in outcome ? outcome.error : undefined;
  return isLostRace(prepared.target, error) ? error : undefined;
}
