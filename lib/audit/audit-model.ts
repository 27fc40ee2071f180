/** The report on a model's unique indexes: what is declared, what exists, and what prevents the rest. */
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

/** The state of the unique indexes that a schema declares; plain data. */
export interface UniqueIndexAudit {
  /** The model's name. */
  model: string;
  /** The name of its collection. */
  collection: string;
  /** Does every declared unique index exist as declared? */
  ok: boolean;
  /** The declared ones, `_id` aside. */
  indexes: AuditedIndex[];
  /** Unique in the database, on paths of the schema, and declared by no model of the connection. */
  undeclared: IndexSpec[];
  /** The same on paths that no schema has: left over from a path that was renamed or removed. */
  leftover: LeftoverIndex[];
}

/** A declared index, with what Mongoose adds to it when it is built. */
export interface AuditedIndex extends IndexSpec {
  /** How the database's index compares with it. */
  status: IndexStatus;
  /** How the database's index differs from the declared one. */
  differences?: IndexDifference[];
  /** Why the server refuses to build it, and what to do; with the status `cannot be built` alone. */
  obstacle?: string;
  /** The documents that block its build; missing where it need not be built. */
  blocking?: Blocking;
  /** What to do about blocking documents that have no value, where the path is optional. */
  missingValues?: string;
  /** What to do about those that may be marked as deleted, where the schema has a path for that. */
  deletedDocuments?: string;
  /** Why such documents were not looked for. */
  notExamined?: string;
}

/** A collection scan that begins. */
export interface AuditStep {
  /** The model's name. */
  model: string;
  /** The name of the collection that is read. */
  collection: string;
  /** The name of the index whose blocking documents are looked for. */
  index: string;
}

interface AuditSettings {
  sample: number;
  onProgress?: ((step: AuditStep) => void) | undefined;
}

/** Reads only: one round trip, and up to three scans for each index that is missing, one for a leftover. */
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

/** One that has another name and is otherwise the same prevents duplicates already. */
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
    : findReasonAgainst(declared);
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

/** Where the server builds no unique index, or an aggregation cannot compute its keys. */
function findReasonAgainst({ keyPattern }: IndexSpec): string | undefined {
  const kind = Object.values(keyPattern).find((direction) => typeof direction === 'string');
  if (kind === 'hashed') return 'a hashed index cannot be unique';
  if (kind !== undefined) return `the keys of a ${show(kind)} index are the server's own`;
  const paths = Object.keys(keyPattern);
  if (paths.some((path) => path.endsWith('$**'))) return 'a wildcard index cannot be unique';
  // For `a.0` 0 is a position in one document and a field name in another.
  const odd = paths.find((path) => path.split('.').some((name) => /^(\$.*|\d*)$/.test(name)));
  return odd === undefined
    ? undefined
    : `the path ${show(odd)} has a part that is a number, empty, or begins with "$"`;
}
