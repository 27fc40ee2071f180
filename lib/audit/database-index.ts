/** Reads the indexes of a collection. One round trip; a second if the server does not know an option. */
import type { AnyModel } from '../mongoose-internals';
import type { IndexSpec } from './declared-index';

export interface DatabaseIndex {
  spec: IndexSpec;
  isUnique: boolean;
  /** True while the server builds it. Until it is built, it prevents no duplicates. */
  isBuilding: boolean;
}

export interface CollectionIndexes {
  indexes: DatabaseIndex[];
  /** The collation that an index inherits if it has none of its own. */
  defaultCollation?: Record<string, unknown>;
  isView?: true;
}

type Database = NonNullable<AnyModel['db']['db']>;

/** Waits for a connection that is being opened. @throws Error if there is none */
export async function resolveDatabase(model: AnyModel): Promise<Database> {
  const { db } = await model.db.asPromise();
  if (db === undefined) {
    throw new Error(
      `auditUniqueIndexes: ${model.modelName} has no connection to a database; ` +
        'await mongoose.connect(uri) first.',
    );
  }
  return db;
}

const NAMESPACE_NOT_FOUND = 26;
const NOT_SUPPORTED_ON_VIEW = 166;

/** A collection that does not exist has no indexes. @throws any other error of the server */
export async function readIndexes(model: AnyModel): Promise<CollectionIndexes> {
  const db = await resolveDatabase(model);
  const listIndexes = model.collection.name;
  try {
    const entries = await listEntries(db, { listIndexes, includeBuildUUIDs: true }).catch(
      // Compatible servers, and clients with a strict API version, do not support this option.
      (error: unknown) => {
        if (isKnownCode(error)) throw error;
        return listEntries(db, { listIndexes });
      },
    );
    const ofId = entries.find(({ key }) => isIdKey(key));
    return {
      indexes: entries.filter(({ key }) => !isIdKey(key)).map(toDatabaseIndex),
      ...(ofId?.collation && { defaultCollation: toCollation(ofId.collation) }),
    };
  } catch (error) {
    if (codeOf(error) === NAMESPACE_NOT_FOUND) return { indexes: [] };
    if (codeOf(error) === NOT_SUPPORTED_ON_VIEW) return { indexes: [], isView: true };
    throw error;
  }
}

interface Entry {
  name: string;
  key: Record<string, unknown>;
  unique?: boolean;
  sparse?: boolean;
  partialFilterExpression?: Record<string, unknown>;
  collation?: Record<string, unknown>;
  /** The paths of a text index, which its key does not contain. */
  weights?: Record<string, unknown>;
  isBuilding: boolean;
}

/** A collection has at most 64 indexes, so the first batch contains all of them. */
async function listEntries(db: Database, command: Record<string, unknown>): Promise<Entry[]> {
  const { cursor } = (await db.command(command)) as { cursor: { firstBatch: object[] } };
  return cursor.firstBatch.map((entry) => {
    const isBuilding = 'buildUUID' in entry && 'spec' in entry;
    return { ...((isBuilding ? entry.spec : entry) as Entry), isBuilding };
  });
}

const isIdKey = (key: Record<string, unknown>): boolean => Object.keys(key).join() === '_id';

function toDatabaseIndex(entry: Entry): DatabaseIndex {
  const { name, sparse, partialFilterExpression, collation, unique = false, isBuilding } = entry;
  const spec: IndexSpec = {
    name,
    keyPattern: toKeyPattern(entry),
    ...(sparse && { sparse: true }),
    ...(partialFilterExpression && { partialFilterExpression }),
    ...(collation && { collation: toCollation(collation) }),
  };
  return { spec, isUnique: unique, isBuilding };
}

/** A text index is listed as `{ _fts: 'text', _ftsx: 1 }`, with its paths in `weights`. */
function toKeyPattern({ key, weights = {} }: Entry): Record<string, unknown> {
  if (key['_fts'] !== 'text') return key;
  const entries = Object.entries(key).flatMap(([path, direction]) => {
    if (path === '_ftsx') return [];
    return path === '_fts' ? Object.keys(weights).map((one) => [one, 'text']) : [[path, direction]];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** Without the version, which the server adds. */
function toCollation(collation: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(collation).filter(([name]) => name !== 'version'));
}

/** The code of a server's error; undefined for anything else. */
export function codeOf(error: unknown): unknown {
  return (Object(error) as { code?: unknown }).code;
}

/** True for an answer that does not depend on the option, and for errors that are not the server's. */
function isKnownCode(error: unknown): boolean {
  const code = codeOf(error);
  return typeof code !== 'number' || [NAMESPACE_NOT_FOUND, NOT_SUPPORTED_ON_VIEW].includes(code);
}
