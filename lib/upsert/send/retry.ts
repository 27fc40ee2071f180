/** Retries after a lost race: another write inserted the key first, and the server did not retry. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  addHidden,
  isUniqueValidationError,
  type UniqueValidationError,
  type UniqueValidatorError,
} from '../../convert/validation-error';
import { findSession, isInTransaction, type AnyModel } from '../../mongoose-internals';
import type { UniqueIndex } from '../../schema/unique-index';
import type { UpsertOptions } from '../upsert-options';

const MAX_RETRIES = 5;
/** The longest first wait, in milliseconds. It doubles with each retry, up to LONGEST_WAIT. */
const FIRST_WAIT = 5;
const LONGEST_WAIT = 500;

/** Returns 0 in a transaction: the first error aborts it, so a retry would fail as well. */
export function findMaxRetries(model: AnyModel, { maxRetries, session }: UpsertOptions): number {
  return isInTransaction(findSession(model, session)) ? 0 : (maxRetries ?? MAX_RETRIES);
}

/** Sets `attempts` on the error of a lost race: how often the write was sent. */
export function noteAttempts(error: UniqueValidationError, attempts: number): void {
  addHidden(error, { attempts });
}

/** Waits for a random time (full jitter), so that the same callers do not collide again. */
export function waitBeforeRetry(retry: number): Promise<void> {
  return sleep(Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** retry));
}

/** True if the conflict target itself refused the write: another write inserted its key first. */
export function isLostRace(target: UniqueIndex, error: unknown): error is UniqueValidationError {
  if (!isUniqueValidationError(error)) return false;
  // Middleware may have changed the properties of the error.
  const [first] = Object.values(error.errors) as Partial<UniqueValidatorError>[];
  const violated = first?.properties?.keyPattern ?? {};
  return Object.keys(violated).join() === Object.keys(target.keyPattern).join();
}
