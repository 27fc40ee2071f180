/** What kind of server answers, and by which key it shards a collection. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { findShardKey, type ShardKey } from '../schema/shard-key';
import { findDatabase } from './database-index';

interface Hello {
  maxWireVersion?: number;
  msg?: string;
}

const COMMAND_NOT_FOUND = 59;

async function readHello(model: AnyModel): Promise<Hello> {
  const db = await findDatabase(model);
  return db.command({ hello: 1 }).catch((error: unknown) => {
    // A server so old that the command has another name.
    if (isObject(error) && error['code'] === COMMAND_NOT_FOUND) return {};
    throw error;
  });
}

/** MongoDB 6.0: from there on there are both `$firstN` and windows. */
const WIRE_VERSION = 17;

/** One round trip. */
export async function isRecentServer(model: AnyModel): Promise<boolean> {
  return Number((await readHello(model)).maxWireVersion) >= WIRE_VERSION;
}

/** What a mongos calls itself. */
const MONGOS = 'isdbgrid';

/**
 * The key by which the model's collection is sharded; undefined where it is not. One round trip, on a
 * sharded cluster a second one. Where the client may not read the cluster's own list, the collection
 * counts as sharded by what its schema declares.
 */
export async function findActualShardKey(model: AnyModel): Promise<ShardKey | undefined> {
  if ((await readHello(model)).msg !== MONGOS) return undefined;
  const { name } = model.collection;
  const { databaseName } = await findDatabase(model);
  const collections = model.db.getClient().db('config').collection<{ _id: string }>('collections');
  try {
    const entry = await collections.findOne({ _id: `${databaseName}.${name}` });
    if (entry === null) return undefined;
    // Listed as well: a dropped collection until MongoDB 5.0, and from 8.0 one that lies on one shard.
    const { key, dropped, unsplittable } = entry as Record<string, unknown>;
    return dropped === true || unsplittable === true ? undefined : (key as ShardKey);
  } catch (error) {
    // The server's answer, whatever its reason; not a lost connection.
    if (isObject(error) && typeof error['code'] === 'number') {
      return findShardKey(model.schema as AnySchema);
    }
    throw error;
  }
}
