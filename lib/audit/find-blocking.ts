/** Finds the documents that would make the build of a unique index fail. Reads only. */
import type { AnyModel } from '../mongoose-internals';
import {
  toDocumentsPipeline,
  toGroupsPipeline,
  toTotalsPipeline,
  type GroupRow,
  type Stage,
  type TotalsRow,
} from './blocking-pipeline';
import { resolveDatabase } from './database-index';
import { isRecentServer } from './server';
import type { IndexSpec } from './declared-index';

/** The documents that prevent a unique index from being built. */
export interface Blocking {
  /** How many keys are in more than one document. */
  keys: number;
  /** How many documents have one of these keys. */
  documents: number;
  /** Some of these keys, at most `sample`, those of the most documents first. */
  groups: BlockingGroup[];
  /** How many documents have arrays on two paths of the index, which the server cannot index. Unset if none. */
  unindexable?: number;
}

/** One key that several documents have. */
export interface BlockingGroup {
  /** The values by path. A missing path is null, a hidden value is omitted. */
  key: Record<string, unknown>;
  /** How many documents have this key. */
  count: number;
  /** The `_id`s of some of these documents, at most `sample`. */
  ids: unknown[];
}

/** `isHidden` returns true for paths whose values are omitted. Up to three scans. */
export async function findBlocking(
  model: AnyModel,
  index: IndexSpec,
  sample: number,
  isHidden: (path: string) => boolean,
): Promise<Blocking> {
  const totals = await run<TotalsRow>(model, index, toTotalsPipeline(index));
  const unindexable = totals.find(({ _id }) => _id)?.entries;
  const found = totals.find(({ _id }) => !_id) ?? { keys: 0, entries: 0, shared: 0 };
  const isRecent = found.keys > 0 && (await isRecentServer(model));
  // Only a document with several keys can have been counted more than once.
  const [counted] =
    found.shared > 0
      ? await run<{ documents: number }>(model, index, toDocumentsPipeline(index, isRecent))
      : [];
  const groups =
    found.keys > 0 && sample > 0
      ? await run<GroupRow>(model, index, toGroupsPipeline(index, sample, isRecent))
      : [];
  return {
    keys: found.keys,
    documents: counted?.documents ?? found.entries,
    groups: groups.map((row) => toGroup(row, Object.keys(index.keyPattern), isHidden)),
    ...(unindexable !== undefined && { unindexable }),
  };
}

/** Scans the collection. What does not fit into the server's memory goes to disk. */
async function run<Row>(model: AnyModel, { collation }: IndexSpec, stages: Stage[]) {
  const db = await resolveDatabase(model);
  const rows = db.collection(model.collection.name).aggregate(stages, {
    allowDiskUse: true,
    // The counts must be numbers, even if the client is set to other types.
    promoteValues: true,
    promoteLongs: true,
    useBigInt64: false,
    ...(collation && { collation: collation as { locale: string } }),
  });
  return (await rows.toArray()) as Row[];
}

function toGroup(
  { _id, count, ids }: GroupRow,
  paths: string[],
  isHidden: (path: string) => boolean,
): BlockingGroup {
  const parts = (paths.length === 1 ? [_id] : _id) as unknown[][];
  const key = paths.flatMap((path, at) => {
    const part = parts[at] as unknown[];
    // An empty part is the key of an empty array.
    return isHidden(path) ? [] : [[path, part.length === 0 ? [] : part[0]] as const];
  });
  return { key: Object.fromEntries(key), count, ids };
}
