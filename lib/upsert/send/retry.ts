/** Retries of a lost race: another write used the key in between, and the server did not retry by itself. */
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
/** At most this long is the first wait, in milliseconds; it doubles with each retry, up to the longest. */
const FIRST_WAIT = 5;
const LONGEST_WAIT = 500;

/** The first error aborts a transaction: a retry or a read in it would fail as well. */
export function findMaxRetries(model: AnyModel, { maxRetries, session }: UpsertOptions): number {
  return isInTransaction(findSession(model, session)) ? 0 : (maxRetries ?? MAX_RETRIES);
}

/** Notes on the error of a lost race how often the write was sent. */
export function noteAttempts(error: UniqueValidationError, attempts: number): void {
  addHidden(error, { attempts });
}

/** Full jitter: callers that met once do not meet again. */
export function waitBeforeRetry(retry: number): Promise<void> {
  return sleep(Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** retry));
}

/** Did another write use the key of the target itself? */
export function isLostRace(target: UniqueIndex, error: unknown): error is UniqueValidationError {
  if (!isUniqueValidationError(error)) return false;
  // Middleware may have changed what the error holds.
  const [first] = Object.values(error.errors) as Partial<UniqueValidatorError>[];
  const violated = first?.properties?.keyPattern ?? {};
  return Object.keys(violated).join() === Object.keys(target.keyPattern).join();
}
