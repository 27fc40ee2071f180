/** Connects the models to the database that is to be audited. */
import type { Connection } from 'mongoose';
import { findParentConnection, type AnyModel } from '../mongoose-internals';
import { UsageError } from './parse-command';

const DISCONNECTED = [0, 99];

/**
 * Opens every connection that the models are on. One that the models file opens itself stays as it is.
 *
 * @returns the connections, to be closed, and notes on them for the user
 * @throws UsageError that says why a connection could not be opened
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
          'the connection string given here is not used for that',
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

/** What `useDb()` returns is opened by the connection that it was made from, the first of its others. */
function toRoot(connection: Connection, from?: Connection): Connection {
  const { base } = connection as unknown as { base: { connections: unknown[] } };
  const parent = findParentConnection(connection);
  // A destroyed one is not listed either, and its first is made from it.
  return base.connections.includes(connection) || parent === undefined || parent === from
    ? connection
    : toRoot(parent, connection);
}

/** Errors of the network, the server and Mongoose report what happened; others quote what was typed. */
const REPORTING = /^(Mongo(ose)?(Server|Network).*|(Mongoose)?Error)$/;

function describeFailure(error: unknown): string {
  const { name, message } = error as Error;
  return REPORTING.test(name)
    ? `cannot connect: ${message}`
    : 'the connection string cannot be read; it must look like ' +
        'mongodb://user:password@host:27017/database, with special characters percent-encoded';
}
