import { MongoMemoryReplSet } from 'mongodb-memory-server';
import { findMongod } from './find-mongod';

export interface EmbeddedMongoDB {
  /** A connection string without a database name. */
  uri: string;
  version: string;
  /** Ends the server and removes its data. */
  stop: () => Promise<void>;
}

/**
 * Starts a real MongoDB as a replica set of one member (transactions need a replica set) on a free
 * port of the loopback interface, with its data in `directory`, by default a temporary one.
 */
export async function startEmbeddedMongoDB(directory?: string): Promise<EmbeddedMongoDB> {
  const mongod = await findMongod();
  const server = await MongoMemoryReplSet.create({
    binary: { systemBinary: mongod.path, version: mongod.version },
    // mongodb-memory-server's default for servers before 7 has no transactions.
    replSet: {
      count: 1,
      storageEngine: 'wiredTiger',
      // An index build and dropDatabase() wait for the journal, which is written every 100 ms by default.
      args: ['--journalCommitInterval', '5'],
      // Ctrl-C in a terminal goes to the whole process group; stop() is what ends this server.
      spawn: { detached: true },
    },
    ...(directory !== undefined && { instanceOpts: [{ dbPath: directory }] }),
  });
  return {
    uri: server.getUri(),
    version: mongod.version,
    stop: async () => {
      await server.stop({ doCleanup: true, force: true });
    },
  };
}
