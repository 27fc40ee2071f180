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
import { findDatabase } from './database-index';
import { isRecentServer } from './server';
import type { IndexSpec } from './declared-index';

/** The documents that prevent a unique index from being built. */
export interface Blocking {
  /** How many keys are in more than one document. */
  keys: number;
  /** How many documents have one of these keys. */
  documents: number;
  /** Some of these keys, those in the most documents first. */
  groups: BlockingGroup[];
  /** Documents with arrays on two paths of the index, which no index can hold; missing if there are none. */
  unindexable?: number;
}

/** One key that several documents have. */
export interface BlockingGroup {
  /** By path; null also stands for a path that is missing. A value that is hidden is left out. */
  key: Record<string, unknown>;
  /** How many documents have this key. */
  count: number;
  /** The `_id`s of some of them. */
  ids: unknown[];
}

/** `isHidden` says which paths' values stay out. */
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
  // Only a document with several keys can have been counted twice.
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

/** A scan of the collection, as the build of the index is one; what does not fit in memory goes to disk. */
async function run<Row>(model: AnyModel, { collation }: IndexSpec, stages: Stage[]) {
  const db = await findDatabase(model);
  const rows = db.collection(model.collection.name).aggregate(stages, {
    allowDiskUse: true,
    // Whatever the client is set to: the numbers here are counted and shown.
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
    // What the index makes of an empty array.
    return isHidden(path) ? [] : [[path, part.length === 0 ? [] : part[0]] as const];
  });
  return { key: Object.fromEntries(key), count, ids };
}
