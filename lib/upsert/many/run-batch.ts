/** Runs one batch of saveOrUpsertMany: prepares its rows, sends them and retries lost races. */
import { setImmediate } from 'node:timers/promises';
import { findSession, type AnyModel } from '../../mongoose-internals';
import { toSaveError } from '../post-save';
import { prepareUpsert, type UpsertCall } from '../prepare/prepare-upsert';
import { findMaxRetries } from '../send/retry';
import { buildUpdate } from '../send/build-update';
import { castOperators } from './cast-operators';
import { sendChains } from './send-chains';
import { isFailed, type Batch, type ReadyRow, type Row } from './send-rows';
import { skipUnchanged } from './skip-unchanged';
import { toChains, toKeyText } from './to-chains';

/** So many rows are prepared before anything else that waits has its turn, such as an answer of the server. */
const ROWS_AT_ONCE = 50;

export interface PreparedBatch {
  /** Each input ready to be sent, or with the error that it fails with. */
  rows: Row[];
  /** The rows that can be sent; those of one key are in one chain. */
  chains: ReadyRow[][];
  /** Set once the rows are compared with what is stored. */
  comparison?: Promise<void>;
}

/** Nothing is sent or read. */
export async function prepareBatch(call: UpsertCall, inputs: unknown[]): Promise<PreparedBatch> {
  const rows = await prepareRows(call, inputs);
  return { rows, chains: toChains(rows.filter(isReady)) };
}

/**
 * Middleware and validators that take their time run for all inputs at once; without any, one input after
 * the other holds no more than one document at a time.
 */
async function prepareRows(call: UpsertCall, inputs: unknown[]): Promise<Row[]> {
  const cast = new Map<AnyModel, Promise<object>>();
  if (!call.isPlain) return Promise.all(inputs.map((input) => prepareRow(call, input, cast)));
  const rows: Row[] = [];
  for (const input of inputs) {
    rows.push(await prepareRow(call, input, cast));
    if (rows.length % ROWS_AT_ONCE === 0) await setImmediate();
  }
  return rows;
}

const isReady = (row: Row): row is ReadyRow => row.prepared !== undefined;

/**
 * Compares the rows with what is stored, while the batch before is still being sent. Not where one batch may
 * write a document of the other: where they have several conflict targets, or a key is in both.
 */
export function compareAhead(call: UpsertCall, before: PreparedBatch, batch: PreparedBatch): void {
  const ready = [before, batch].flatMap(({ chains }) => chains.flat());
  const targets = new Set(ready.map(({ prepared }) => prepared.target.name));
  const isApart = toChains(ready).length === before.chains.length + batch.chains.length;
  if (targets.size > 1 || !isApart) return;
  batch.comparison = compareBatch(call, batch);
  // Awaited only when the batch is sent; its error must not count as unhandled until then.
  batch.comparison.catch(() => undefined);
}

/** Only the first row of each key is compared: the next one finds what the first has written. */
async function compareBatch(
  { model, options }: UpsertCall,
  { chains }: PreparedBatch,
): Promise<void> {
  for (const row of chains.flatMap((chain) => chain.slice(1))) {
    row.update = buildUpdate(row.prepared.write, await row.operators, true);
  }
  await skipUnchanged(
    model,
    options,
    chains.flatMap((chain) => chain.slice(0, 1)),
  );
}

/**
 * Sets the outcome of the rows. Rejects only with an error of the whole batch: a lost connection, or the
 * first error in a transaction. A row has no outcome if an ordered batch stopped before it, or if the
 * batch rejected before the row's result was known.
 */
export async function runBatch(
  call: UpsertCall,
  batch: PreparedBatch,
  ordered: boolean,
): Promise<void> {
  const { model, options } = call;
  const { rows, chains } = batch;
  await (batch.comparison ?? compareBatch(call, batch));
  const session = findSession(model, options.session);
  const sending = { model, session, maxRetries: findMaxRetries(model, options), ordered };
  try {
    if (ordered) await sendInOrder(sending, rows);
    else await sendChains(sending, chains);
  } finally {
    for (const row of rows.filter(isReady)) {
      const { prepared, outcome } = row;
      if (outcome === undefined || !('error' in outcome)) continue;
      // Without the document there is no middleware either.
      if (prepared.middlewareDocuments === undefined) continue;
      const error = await toSaveError(
        prepared.middlewareDocuments.inserted,
        options,
        outcome.error,
      );
      row.outcome = { error: error as Error };
    }
  }
}

async function sendInOrder(batch: Batch, rows: Row[]): Promise<void> {
  const invalid = rows.findIndex(isFailed);
  const sent = (invalid === -1 ? rows : rows.slice(0, invalid)) as ReadyRow[];
  let failed = -1;
  try {
    await sendChains(batch, [sent]);
    failed = rows.findIndex(isFailed);
  } finally {
    // No row after the first failed one was written, so an error of its own does not count.
    const end = failed === -1 ? rows.findIndex(({ outcome }) => outcome === undefined) : failed + 1;
    if (end !== -1) for (const row of rows.slice(end)) delete row.outcome;
  }
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
    return { prepared, keyText: toKeyText(prepared), operators, update, attempts: 0 };
  } catch (error) {
    return { outcome: { error: error as Error } };
  }
}
