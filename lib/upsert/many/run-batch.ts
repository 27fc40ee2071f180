/** One batch of saveOrUpsertMany: prepared together, sent as one bulkWrite, races run again. */
import { findSession, type AnyModel } from '../../mongoose-internals';
import { toSaveError } from '../post-save';
import { prepareUpsert, type UpsertCall } from '../prepare/prepare-upsert';
import { findMaxRetries } from '../send/retry';
import { isSmall, buildUpdate } from '../send/build-update';
import { castOperators } from './cast-operators';
import { sendChains } from './send-chains';
import { isFailed, type Batch, type ReadyRow, type Row } from './send-rows';
import { skipUnchanged } from './skip-unchanged';
import { toChains } from './to-chains';

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
  const chains = toChains(ready);
  // Only the first with its key: what another one finds is what that one has left.
  await skipUnchanged(
    model,
    options,
    chains.flatMap((chain) => chain.slice(0, 1)),
  );
  for (const row of chains.flatMap((chain) => chain.slice(1))) {
    const { model: own, write } = row.prepared;
    row.update = buildUpdate(write, await row.operators, isSmall(own, write));
  }
  if (ordered) {
    const failed = rows.findIndex(isFailed);
    await sendChains(batch, [failed === -1 ? ready : (rows.slice(0, failed) as ReadyRow[])]);
    // None after the first that failed was written, whatever it would have been.
    const end = rows.findIndex(isFailed);
    if (end !== -1) for (const row of rows.slice(end + 1)) delete row.outcome;
  } else {
    await sendChains(batch, chains);
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
