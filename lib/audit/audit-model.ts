/** The report on a model's unique indexes: what is declared, what is there, what is in the way. */
import { isValueHidden } from '../convert/hide-values';
import type { AnyModel } from '../mongoose-internals';
import { findOptions } from '../options/plugin-options';
import { show } from '../options/show';
import {
  compareIndex,
  isOnSamePaths,
  type IndexComparison,
  type IndexDifference,
  type IndexStatus,
} from './compare-indexes';
import { readIndexes, type CollectionIndexes } from './database-index';
import { findDeclaredIndexes, type IndexSpec } from './declared-index';
import { findBlocking, type Blocking } from './find-blocking';

/** What is there of the unique indexes that a schema declares; plain data. */
export interface UniqueIndexAudit {
  /** The model's name. */
  model: string;
  /** The name of its collection. */
  collection: string;
  /** Is every declared unique index there, as it is declared? */
  ok: boolean;
  /** The declared ones, `_id` aside. */
  indexes: AuditedIndex[];
  /** Unique in the database, and declared by no model of the connection. */
  undeclared: IndexSpec[];
}

/** A declared index, with what Mongoose adds to it when it is built. */
export interface AuditedIndex extends IndexSpec {
  /** How the database's index compares with it. */
  status: IndexStatus;
  /** In what the database's index is not the declared one. */
  differences?: IndexDifference[];
  /** The documents that block its build; left out where it need not be built. */
  blocking?: Blocking;
  /** Why nobody looked for such documents. */
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

/** Reads only: one round trip, and up to three scans for each index that is not there. */
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
    indexes.push({
      ...declared,
      status,
      ...(differences.length > 0 && { differences }),
      ...(needsBuild(comparison) && (await examine(model, declared, existing, settings))),
    });
  }
  return {
    model: model.modelName,
    collection: model.collection.name,
    ok: indexes.every(({ status }) => status === 'ok'),
    indexes,
    undeclared: findUndeclared(model, existing),
  };
}

/** One that has another name and is otherwise the same keeps duplicates out already. */
function needsBuild({ status, differences }: IndexComparison): boolean {
  if (status === 'different') return differences.some(({ option }) => option !== 'name');
  return status === 'missing' || status === 'not unique';
}

async function examine(
  model: AnyModel,
  declared: IndexSpec,
  { isView }: CollectionIndexes,
  { sample, onProgress }: AuditSettings,
): Promise<Pick<AuditedIndex, 'blocking' | 'notExamined'>> {
  const collection = model.collection.name;
  const notExamined = isView
    ? `${collection} is a view, which has no indexes`
    : findReasonAgainst(declared);
  if (notExamined !== undefined) return { notExamined };
  onProgress?.({ model: model.modelName, collection, index: declared.name });
  const options = findOptions(model.schema);
  const isHidden = (path: string): boolean => isValueHidden(model, options, path);
  return { blocking: await findBlocking(model, declared, sample, isHidden) };
}

/** Where the server builds no unique index, or an aggregation cannot tell its keys. */
function findReasonAgainst({ keyPattern }: IndexSpec): string | undefined {
  const kind = Object.values(keyPattern).find((direction) => typeof direction === 'string');
  if (kind === 'hashed') return 'a hashed index cannot be unique';
  if (kind !== undefined) return `the keys of a ${show(kind)} index are the server's own`;
  const paths = Object.keys(keyPattern);
  if (paths.some((path) => path.endsWith('$**'))) return 'a wildcard index cannot be unique';
  // Of `a.0` the server decides by each document whether 0 is a place or a name.
  const odd = paths.find((path) => path.split('.').some((name) => /^(\$.*|\d*)$/.test(name)));
  return odd === undefined
    ? undefined
    : `the path ${show(odd)} has a part that is a number, empty, or begins with "$"`;
}

/** Declared by none of the models that share the collection, discriminators and others. */
function findUndeclared(model: AnyModel, { indexes }: CollectionIndexes): IndexSpec[] {
  const declared = Object.values(model.db.models)
    .filter(({ collection }) => collection.name === model.collection.name)
    .concat(model)
    .flatMap((one) => findDeclaredIndexes(one));
  return indexes
    .filter((index) => index.isUnique && !declared.some((one) => isOnSamePaths(one, index.spec)))
    .map(({ spec }) => spec);
}
