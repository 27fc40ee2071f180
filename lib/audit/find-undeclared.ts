/** Finds the unique indexes of the database that no schema declares. */
import type { AnyModel } from '../mongoose-internals';
import { hasPath } from '../schema/find-path-types';
import { modelsOfCollection, schemasOfCollection } from '../schema/unique-index';
import { isOnSamePaths } from './compare-indexes';
import { resolveDatabase, type CollectionIndexes } from './database-index';
import { findDeclaredIndexes, type IndexSpec } from './declared-index';

/** A unique index on paths that no schema of the collection has. */
export interface LeftoverIndex extends IndexSpec {
  /** The paths of the index that no schema has. */
  absentPaths: string[];
  /** How many documents have a value on one of them. Null does not count. */
  documents: number;
}

/** Compares with all models of the collection. One scan for each leftover index. */
export async function findUndeclared(
  model: AnyModel,
  { indexes }: CollectionIndexes,
): Promise<{ undeclared: IndexSpec[]; leftover: LeftoverIndex[] }> {
  const declared = modelsOfCollection(model).flatMap(findDeclaredIndexes);
  const schemas = schemasOfCollection(model);
  const undeclared: IndexSpec[] = [];
  const leftover: LeftoverIndex[] = [];
  for (const { spec, isUnique } of indexes) {
    if (!isUnique || declared.some((one) => isOnSamePaths(one, spec))) continue;
    const absentPaths = Object.keys(spec.keyPattern).filter(
      (path) => !schemas.some((schema) => hasPath(schema, path)),
    );
    if (absentPaths.length === 0) undeclared.push(spec);
    else {
      const documents = await countWithValue(model, absentPaths);
      leftover.push({ ...spec, absentPaths, documents });
    }
  }
  return { undeclared, leftover };
}

async function countWithValue(model: AnyModel, paths: string[]): Promise<number> {
  const db = await resolveDatabase(model);
  return db
    .collection(model.collection.name)
    .countDocuments({ $or: paths.map((path) => ({ [path]: { $ne: null } })) });
}
