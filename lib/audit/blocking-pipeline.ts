/** The aggregations that find the documents which block an index. They write nothing. Pure. */
import type { IndexSpec } from './declared-index';
import type { Expression } from './expression';
import { fieldAt, toKeysExpression } from './keys-expression';

export type Stage = Record<string, Expression>;

/** One for the keys that stand in several documents, one for the documents that have no key at all. */
export interface TotalsRow {
  /** True for documents with arrays on two paths of the index. */
  _id: boolean;
  keys: number;
  /** The index entries of these keys: one for each of a document's keys. */
  entries: number;
  /** Those of them in documents with several keys: such a document may have been counted twice. */
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

/** A key as the values under the index's paths, `[]` where the document holds an empty array. */
export interface GroupRow {
  _id: unknown[];
  count: number;
  ids: unknown[];
}

/** The keys that stand in the most documents first, each with some of them. */
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

/** How many documents have one of the keys that stand in several: `{ documents }`. */
export function toDocumentsPipeline(index: IndexSpec, hasWindows: boolean): Stage[] {
  const _id = toGroupId(index);
  // A window can go to disk, however large it is; a list of ids has to stay in the server's memory.
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

/** One for each key of each document, with the word whether the document has more of them. */
function toKeyStages({ keyPattern, partialFilterExpression, sparse }: IndexSpec): Stage[] {
  return [
    ...(partialFilterExpression ? [{ $match: partialFilterExpression }] : []),
    { $project: { key: toKeysExpression(Object.keys(keyPattern), sparse === true) } },
    { $set: { isShared: { $gt: [{ $size: '$key' }, 1] } } },
    { $unwind: '$key' },
  ];
}

/** Without the names of its parts, a key takes half the room. */
function toGroupId({ keyPattern }: IndexSpec): Expression {
  const parts = Object.keys(keyPattern).map((_, position) => `$key.${fieldAt(position)}`);
  return parts.length === 1 ? parts[0] : parts;
}

/** Arrays on two paths can only meet where there are two. */
function parallelFlag({ keyPattern }: IndexSpec): Stage {
  return Object.keys(keyPattern).length === 1 ? {} : { isParallel: { $max: '$key.parallel' } };
}
