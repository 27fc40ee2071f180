/** The session that a Mongoose operation runs in. */
import type { ClientSession } from 'mongoose';
import type { AnyModel, Rule } from './options';

/** What is given, else that of `connection.transaction()` where Mongoose passes it on by itself. */
export function findSession(
  model: AnyModel,
  given: ClientSession | null | undefined,
): ClientSession | null | undefined {
  const { transactionAsyncLocalStorage } = model.db.base as unknown as {
    transactionAsyncLocalStorage?: { getStore(): { session?: ClientSession } | undefined };
  };
  return given === undefined ? transactionAsyncLocalStorage?.getStore()?.session : given;
}

export function isInTransaction(session: ClientSession | null | undefined): boolean {
  return session?.inTransaction() ?? false;
}

/** By structure: the driver may be another copy. */
export const SESSION_RULE: Rule = [
  (value) =>
    value === null || typeof (value as Partial<ClientSession>).inTransaction === 'function',
  'what mongoose.startSession() gives, or null',
];
