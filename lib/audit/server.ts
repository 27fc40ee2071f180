/** Asks the server for its version, and for the shard key of a collection. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { findShardKey, type ShardKey } from '../schema/shard-key';
import { codeOf, resolveDatabase } from './database-index';

interface Hello {
  maxWireVersion?: number;
  msg?: string;
}

const COMMAND_NOT_FOUND = 59;

async function readHello(model: AnyModel): Promise<Hello> {
  const db = await resolveDatabase(model);
  return db.command({ hello: 1 }).catch((error: unknown) => {
    // Old servers have the command under another name only.
    if (codeOf(error) === COMMAND_NOT_FOUND) return {};
    throw error;
  });
}

/** MongoDB 6.0, the first version with both `$firstN` and `$setWindowFields`. */
const RECENT_WIRE_VERSION = 17;

/** True from MongoDB 6.0 on. One round trip. */
export async function isRecentServer(model: AnyModel): Promise<boolean> {
  return Number((await readHello(model)).maxWireVersion) >= RECENT_WIRE_VERSION;
}

/** How a mongos identifies itself. */
const MONGOS = 'isdbgrid';

/**
 * The shard key of the model's collection; undefined if it is not sharded. One round trip, two on a sharded
 * cluster. If the client may not read the cluster's list of collections, the schema's shard key is returned.
 */
export async function findActualShardKey(model: AnyModel): Promise<ShardKey | undefined> {
  if ((await readHello(model)).msg !== MONGOS) return undefined;
  const { name } = model.collection;
  const { databaseName } = await resolveDatabase(model);
  const collections = model.db.getClient().db('config').collection<{ _id: string }>('collections');
  try {
    const entry = await collections.findOne({ _id: `${databaseName}.${name}` });
    if (entry === null) return undefined;
    // MongoDB before 5.0 also lists dropped collections, and MongoDB 8.0 unsharded ones.
    const { key, dropped, unsplittable } = entry as Record<string, unknown>;
    return dropped === true || unsplittable === true ? undefined : (key as ShardKey);
  } catch (error) {
    // An error without a code is not the server's answer, such as a lost connection.
    if (typeof codeOf(error) !== 'number') throw error;
    return findShardKey(model.schema as AnySchema);
  }
}
