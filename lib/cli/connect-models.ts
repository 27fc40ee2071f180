/** Connects the models to the database of the command line. */
import type { Connection } from 'mongoose';
import { findParentConnection, type AnyModel } from '../mongoose-internals';
import { UsageError } from './parse-command';

const DISCONNECTED = [0, 99];

/**
 * Opens every connection of the models, except those that the models file opens itself.
 *
 * @returns the connections, which the caller closes, and notes on them for the user
 * @throws UsageError with the reason if a connection cannot be opened
 */
export async function connectModels(
  models: AnyModel[],
  uri: string,
): Promise<{ connections: Connection[]; notes: string[] }> {
  const connections = [...new Set(models.map(({ db }) => toRoot(db)))];
  const notes: string[] = [];
  for (const connection of connections) {
    const isOwn = !DISCONNECTED.includes(connection.readyState);
    if (isOwn) {
      const names = models.filter(({ db }) => toRoot(db) === connection);
      notes.push(
        `the models file connects ${names.map(({ modelName }) => modelName).join(', ')} itself; ` +
          'the connection string of the command is not used for that',
      );
    }
    try {
      await (isOwn
        ? connection.asPromise()
        : connection.openUri(uri, { autoIndex: false, autoCreate: false }));
    } catch (error) {
      throw new UsageError(describeFailure(error), { cause: error });
    }
  }
  return { connections, notes };
}

/** The connection that a connection of `useDb()` was made from, with which it opens. */
function toRoot(connection: Connection, from?: Connection): Connection {
  const { base } = connection as unknown as { base: { connections: unknown[] } };
  const parent = findParentConnection(connection);
  // A destroyed connection is not in the list either; its parent was made from it.
  return base.connections.includes(connection) || parent === undefined || parent === from
    ? connection
    : toRoot(parent, connection);
}

/** Errors of the network, the server and Mongoose are safe to print; others quote the connection string. */
const REPORTING = /^(Mongo(ose)?(Server|Network).*|(Mongoose)?Error)$/;

function describeFailure(error: unknown): string {
  const { name, message } = error as Error;
  return REPORTING.test(name)
    ? `cannot connect: ${message}`
    : 'the connection string cannot be read; it must begin with mongodb:// or mongodb+srv:// and have ' +
        'special characters of the password percent-encoded, such as %40 for @';
}
