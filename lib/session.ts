/** The session that a Mongoose operation runs in. */
import type { ClientSession } from 'mongoose';
import type { AnyModel } from './options';

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

/** What an option `session` may be, null included. By structure: the driver may be another copy. */
export function isSession(value: unknown): boolean {
  return (
    value === null ||
    typeof (value as Partial<ClientSession> | undefined)?.inTransaction === 'function'
  );
}
