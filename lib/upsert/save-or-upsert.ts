import type { AnyModel } from '../mongoose-internals';
import { prepareUpsert, startUpsertCall } from './prepare/prepare-upsert';
import { findMaxRetries, isLostRace, noteAttempts, waitBeforeRetry } from './send/retry';
import { sendUpsert } from './send/send-upsert';
import { checkOptionsOfOne, type SaveOrUpsertOptions } from './upsert-options';

/** What saveOrUpsert resolves to. */
export interface SaveOrUpsertResult<Doc> {
  /** The document after the write; with `onConflict: 'skip'` as it was. */
  doc: Doc;
  /** Was there none before? */
  created: boolean;
  /** How often the write was sent: 1, unless another one took the key in between. */
  attempts: number;
}

/** See {@link UniqueGuardStatics.saveOrUpsert}. */
export async function saveOrUpsert(
  this: AnyModel,
  input: unknown,
  options: SaveOrUpsertOptions = {},
): Promise<SaveOrUpsertResult<unknown>> {
  checkOptionsOfOne(options, input);
  const call = startUpsertCall(this, options);
  const prepared = await prepareUpsert(call, input);
  const maxRetries = findMaxRetries(this, options);
  for (let attempts = 1; ; attempts += 1) {
    try {
      return { ...(await sendUpsert(prepared, call.rule, options)), attempts };
    } catch (error) {
      if (!isLostRace(prepared.target, error)) throw error;
      noteAttempts(error, attempts);
      if (attempts > maxRetries) throw error;
      await waitBeforeRetry(attempts - 1);
    }
  }
}
