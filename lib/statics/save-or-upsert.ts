import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSession } from 'mongoose';
import { isUniqueValidationError } from '../error/validation-error';
import type { AnyModel } from '../options';
import { findNamedTarget } from '../schema/conflict-target';
import type { UniqueIndex } from '../schema/unique-index';
import { prepareUpsert } from './prepare-upsert';
import { checkArguments, type SaveOrUpsertOptions } from './upsert-options';
import { sendUpsert } from './upsert-query';

/** Tries after the first, when another write took the key in between. */
const MAX_RETRIES = 5;
/** The first wait at the most, in milliseconds; it doubles with each try. */
const FIRST_WAIT = 5;

/** See {@link UniqueGuardStatics.saveOrUpsert}. */
export async function saveOrUpsert(
  this: AnyModel,
  input: unknown,
  options: SaveOrUpsertOptions = {},
): Promise<{ doc: unknown; created: boolean }> {
  checkArguments(input, options);
  const { conflictTarget, session, lean } = options;
  const named = conflictTarget === undefined ? undefined : findNamedTarget(this, conflictTarget);
  const { model, target, upsert } = await prepareUpsert(this, input as object, named, options);
  // A transaction is over with its first error: to run again or to read in it would fail as well.
  const retries = isInTransaction(this, session) ? 0 : MAX_RETRIES;
  for (let retry = 0; ; retry += 1) {
    try {
      return await sendUpsert(model, upsert, { session, lean });
    } catch (error) {
      if (retry >= retries || !isOn(target, error)) throw error;
      await sleep(Math.random() * FIRST_WAIT * 2 ** retry);
    }
  }
}

function isInTransaction(model: AnyModel, session: ClientSession | null | undefined): boolean {
  const { transactionAsyncLocalStorage } = model.db.base as unknown as {
    transactionAsyncLocalStorage?: { getStore(): { session?: ClientSession } | undefined };
  };
  const used = session === undefined ? transactionAsyncLocalStorage?.getStore()?.session : session;
  return used?.inTransaction() ?? false;
}

function isOn(target: UniqueIndex, error: unknown): boolean {
  if (!isUniqueValidationError(error)) return false;
  const violated = Object.values(error.errors)[0]?.properties.keyPattern ?? {};
  return Object.keys(violated).join() === Object.keys(target.keyPattern).join();
}
