/** When an upsert runs again: another write took the key in between, and the server did not settle it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSession } from 'mongoose';
import { addHidden, isUniqueValidationError } from '../error/validation-error';
import type { AnyModel } from '../options';
import type { UniqueIndex } from '../schema/unique-index';
import type { UpsertOptions } from './upsert-options';

const MAX_RETRIES = 5;
/** The first wait at the most, in milliseconds; it doubles with each try, up to the longest. */
const FIRST_WAIT = 5;
const LONGEST_WAIT = 500;

/** A transaction is over with its first error: to run again or to read in it would fail as well. */
export function findMaxRetries(model: AnyModel, { maxRetries, session }: UpsertOptions): number {
  if (findSession(model, session)?.inTransaction()) return 0;
  return maxRetries ?? MAX_RETRIES;
}

/** The session that the caller gave, or that of the surrounding `connection.transaction()`. */
export function findSession(
  { db }: AnyModel,
  session: ClientSession | null | undefined,
): ClientSession | null | undefined {
  const { transactionAsyncLocalStorage } = db.base as unknown as {
    transactionAsyncLocalStorage?: { getStore(): { session?: ClientSession } | undefined };
  };
  return session === undefined ? transactionAsyncLocalStorage?.getStore()?.session : session;
}

/** Full jitter: callers that met once do not meet again. */
export function waitBeforeRetry(retry: number): Promise<void> {
  return sleep(Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** retry));
}

/** Did another write take the key of the target itself? Then `error.attempts` says how often it was tried. */
export function isLostRace(target: UniqueIndex, error: unknown, attempts: number): boolean {
  if (!isUniqueValidationError(error)) return false;
  const violated = Object.values(error.errors)[0]?.properties.keyPattern ?? {};
  if (Object.keys(violated).join() !== Object.keys(target.keyPattern).join()) return false;
  addHidden(error, { attempts });
  return true;
}
