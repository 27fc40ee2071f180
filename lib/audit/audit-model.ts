/** Makes the report on a model's unique indexes: what is declared, what exists, and what blocks the rest. */
import { isValueHidden } from '../convert/hide-values';
import type { AnyModel } from '../mongoose-internals';
import { findOptions } from '../options/plugin-options';
import { show } from '../options/show';
import { adviseDeleted, adviseOptional } from './advise-optional';
import {
  compareIndex,
  type IndexComparison,
  type IndexDifference,
  type IndexStatus,
} from './compare-indexes';
import { readIndexes, type CollectionIndexes } from './database-index';
import { findDeclaredIndexes, type IndexSpec } from './declared-index';
import { findBlocking, type Blocking } from './find-blocking';
import { findObstacle } from './find-obstacle';
import { findUndeclared, type LeftoverIndex } from './find-undeclared';

/** What `Model.auditUniqueIndexes()` resolves to: the state of the declared unique indexes, as plain data. */
export interface UniqueIndexAudit {
  /** The model's name. */
  model: string;
  /** The name of its collection. */
  collection: string;
  /** True if every declared unique index exists as declared. */
  ok: boolean;
  /** The declared unique indexes, without `_id`. */
  indexes: AuditedIndex[];
  /** Unique indexes of the database, on paths of the schema, that no model of the connection declares. */
  undeclared: IndexSpec[];
  /** Undeclared unique indexes on a path that no schema has, such as one that was renamed or removed. */
  leftover: LeftoverIndex[];
}

/** A declared index as Mongoose builds it, its state in the database and what blocks it. */
export interface AuditedIndex extends IndexSpec {
  /** How the index of the database compares with it. */
  status: IndexStatus;
  /** How the index of the database differs from it. Unset if it does not, or if it is missing. */
  differences?: IndexDifference[];
  /** Why the server refuses to build it, and what to do. Set only with the status `cannot be built`. */
  obstacle?: string;
  /** The documents that block its build. Unset if it need not be built, or with `notExamined`. */
  blocking?: Blocking;
  /** What to do about blocking documents without a value, if the path is optional. */
  missingValues?: string;
  /** What to do about blocking documents that are marked as deleted, if the schema has a path for that. */
  deletedDocuments?: string;
  /** Why blocking documents were not searched for. */
  notExamined?: string;
}

/** The argument of `onProgress`: the index whose scans begin. */
export interface AuditStep {
  /** The model's name. */
  model: string;
  /** The name of the scanned collection. */
  collection: string;
  /** The name of the index whose blocking documents are searched for. */
  index: string;
}

interface AuditSettings {
  sample: number;
  onProgress?: ((step: AuditStep) => void) | undefined;
}

/** Reads only. One round trip, up to three scans for each missing index, one for each leftover index. */
export async function auditModel(
  model: AnyModel,
  settings: AuditSettings,
): Promise<UniqueIndexAudit> {
  const existing = await readIndexes(model);
  const { EJSON } = model.base.mongo.BSON;
  const indexes: AuditedIndex[] = [];
  for (const declared of findDeclaredIndexes(model)) {
    const comparison = compareIndex(declared, existing, (value) => EJSON.serialize(value));
    const { status, differences } = comparison;
    const obstacle = await findObstacle(model, declared, comparison, existing);
    indexes.push({
      ...declared,
      status: obstacle === undefined ? status : 'cannot be built',
      ...(differences.length > 0 && { differences }),
      ...(obstacle !== undefined && { obstacle }),
      ...(needsBuild(comparison) && (await examine(model, declared, existing, settings))),
    });
  }
  return {
    model: model.modelName,
    collection: model.collection.name,
    ok: indexes.every(({ status }) => status === 'ok'),
    indexes,
    ...(await findUndeclared(model, existing)),
  };
}

/** False if an index that differs only in its name already prevents duplicates. */
function needsBuild({ status, differences }: IndexComparison): boolean {
  if (status === 'different') return differences.some(({ option }) => option !== 'name');
  return status === 'missing' || status === 'not unique';
}

async function examine(
  model: AnyModel,
  declared: IndexSpec,
  { isView }: CollectionIndexes,
  { sample, onProgress }: AuditSettings,
): Promise<Pick<AuditedIndex, 'blocking' | 'missingValues' | 'deletedDocuments' | 'notExamined'>> {
  const collection = model.collection.name;
  const notExamined = isView
    ? `${collection} is a view, which has no indexes`
    : findReasonNotExamined(declared);
  if (notExamined !== undefined) return { notExamined };
  onProgress?.({ model: model.modelName, collection, index: declared.name });
  const options = findOptions(model.schema);
  const isHidden = (path: string): boolean => isValueHidden(model, options, path);
  const blocking = await findBlocking(model, declared, sample, isHidden);
  const missingValues = adviseOptional(model, declared, blocking);
  const deletedDocuments = adviseDeleted(model, declared, blocking);
  return {
    blocking,
    ...(missingValues !== undefined && { missingValues }),
    ...(deletedDocuments !== undefined && { deletedDocuments }),
  };
}

/** Why no aggregation can compute the keys of the index, or why the server does not build it as unique. */
function findReasonNotExamined({ keyPattern }: IndexSpec): string | undefined {
  const kind = Object.values(keyPattern).find((direction) => typeof direction === 'string');
  if (kind === 'hashed') return 'a hashed index cannot be unique';
  if (kind !== undefined) return `the keys of a ${show(kind)} index are the server's own`;
  const paths = Object.keys(keyPattern);
  if (paths.some((path) => path.endsWith('$**'))) return 'a wildcard index cannot be unique';
  // For `a.0` 0 is a position in one document and a field name in another.
  const ambiguous = paths.find((path) => path.split('.').some((name) => /^(\$.*|\d*)$/.test(name)));
  return ambiguous === undefined
    ? undefined
    : `the path ${show(ambiguous)} has a part that is a number, empty, or begins with "$"`;
}
