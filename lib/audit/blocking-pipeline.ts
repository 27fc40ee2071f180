/** Builds the aggregations that find the documents which block an index. Pure. */
import type { IndexSpec } from './declared-index';
import type { Expression } from './expression';
import { fieldAt, toKeysExpression } from './keys-expression';

export type Stage = Record<string, Expression>;

/** Two rows: one for the keys that several documents have, one for documents that cannot be indexed. */
export interface TotalsRow {
  /** True in the row of documents with arrays on two paths of the index, which cannot be indexed. */
  _id: boolean;
  keys: number;
  /** The index entries of these keys: one for each of a document's keys. */
  entries: number;
  /** The entries of documents with several keys, which may have been counted more than once. */
  shared: number;
}

export function toTotalsPipeline(index: IndexSpec): Stage[] {
  const counts = {
    entries: { $sum: 1 },
    shared: { $sum: { $cond: ['$isShared', 1, 0] } },
  };
  return [
    ...toKeyStages(index),
    { $group: { _id: toGroupId(index), ...counts, ...parallelFlag(index) } },
    { $match: { $or: [{ entries: { $gt: 1 } }, { isParallel: true }] } },
    {
      $group: {
        _id: { $eq: ['$isParallel', true] },
        keys: { $sum: 1 },
        entries: { $sum: '$entries' },
        shared: { $sum: '$shared' },
      },
    },
  ];
}

/** One key of several documents: `[value]` for each path of the index, `[]` for an empty array. */
export interface GroupRow {
  _id: unknown[];
  count: number;
  ids: unknown[];
}

/** The keys of the most documents first, each with the `_id`s of some of them. */
export function toGroupsPipeline(index: IndexSpec, sample: number, hasFirstN: boolean): Stage[] {
  const ids = hasFirstN
    ? { ids: { $firstN: { input: '$_id', n: sample } } }
    : { first: { $first: '$_id' }, last: { $last: '$_id' } };
  return [
    ...toKeyStages(index),
    { $group: { _id: toGroupId(index), count: { $sum: 1 }, ...ids, ...parallelFlag(index) } },
    { $match: { count: { $gt: 1 }, isParallel: { $ne: true } } },
    { $sort: { count: -1, _id: 1 } },
    { $limit: sample },
    ...(hasFirstN ? [] : [{ $set: { ids: { $slice: [['$first', '$last'], sample] } } }]),
    { $project: { count: 1, ids: 1 } },
  ];
}

/** Counts the documents that share a key with another one: `{ documents }`. */
export function toDocumentsPipeline(index: IndexSpec, hasWindows: boolean): Stage[] {
  const _id = toGroupId(index);
  // A window may use the disk. A list of ids must fit into the server's memory.
  const ofShared = hasWindows
    ? [
        {
          $setWindowFields: {
            partitionBy: { key: _id },
            output: { count: { $sum: 1, window: { documents: ['unbounded', 'unbounded'] } } },
          },
        },
        { $match: { count: { $gt: 1 }, 'key.parallel': { $ne: true } } },
      ]
    : [
        {
          $group: { _id, count: { $sum: 1 }, ids: { $push: '$_id' }, ...parallelFlag(index) },
        },
        { $match: { count: { $gt: 1 }, isParallel: { $ne: true } } },
        { $unwind: '$ids' },
        { $project: { _id: '$ids' } },
      ];
  return [...toKeyStages(index), ...ofShared, { $group: { _id: '$_id' } }, { $count: 'documents' }];
}

/** One row for each key of each document. `isShared` is true if the document has several keys. */
function toKeyStages({ keyPattern, partialFilterExpression, sparse }: IndexSpec): Stage[] {
  return [
    ...(partialFilterExpression ? [{ $match: partialFilterExpression }] : []),
    { $project: { key: toKeysExpression(Object.keys(keyPattern), sparse === true) } },
    { $set: { isShared: { $gt: [{ $size: '$key' }, 1] } } },
    { $unwind: '$key' },
  ];
}

/** Only the values, because the names would double the size of a key. */
function toGroupId({ keyPattern }: IndexSpec): Expression {
  const parts = Object.keys(keyPattern).map((_, position) => `$key.${fieldAt(position)}`);
  return parts.length === 1 ? parts[0] : parts;
}

/** An index on one path cannot have arrays on two. */
function parallelFlag({ keyPattern }: IndexSpec): Stage {
  return Object.keys(keyPattern).length === 1 ? {} : { isParallel: { $max: '$key.parallel' } };
}
