import { MongoMemoryReplSet } from 'mongodb-memory-server';
import { findMongod } from '../../examples/embedded-mongodb/find-mongod';

/** Starts a replica set of a test's own: elections take a second, caches and logs are small. */
export async function startReplicaSet(
  members: number,
  parameters: Record<string, string | number> = {},
): Promise<MongoMemoryReplSet> {
  const { path, version } = await findMongod();
  const set = Object.entries({ diagnosticDataCollectionEnabled: false, ...parameters });
  return MongoMemoryReplSet.create({
    binary: { systemBinary: path, version },
    replSet: {
      count: members,
      storageEngine: 'wiredTiger',
      args: [
        ...['--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '64'],
        ...set.flatMap(([name, value]) => ['--setParameter', `${name}=${String(value)}`]),
      ],
      configSettings: {
        electionTimeoutMillis: 1000,
        heartbeatIntervalMillis: 200,
        heartbeatTimeoutSecs: 2,
      },
    },
  });
}
