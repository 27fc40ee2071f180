/** The unique indexes of the database that no schema declares. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { hasPath } from '../schema/find-path-types';
import { modelsOfCollection } from '../schema/unique-index';
import { isOnSamePaths } from './compare-indexes';
import { findDatabase, type CollectionIndexes } from './database-index';
import { findDeclaredIndexes, type IndexSpec } from './declared-index';

/** A unique index on paths that no schema of the collection has. */
export interface LeftoverIndex extends IndexSpec {
  /** Those of its paths that no schema has. */
  absentPaths: string[];
  /** How many documents have a value on one of them; null and missing are none. */
  documents: number;
}

/** One scan for each leftover index. The models that share the collection count, discriminators included. */
export async function findUndeclared(
  model: AnyModel,
  { indexes }: CollectionIndexes,
): Promise<{ undeclared: IndexSpec[]; leftover: LeftoverIndex[] }> {
  const models = modelsOfCollection(model);
  const declared = models.flatMap((one) => findDeclaredIndexes(one));
  const undeclared: IndexSpec[] = [];
  const leftover: LeftoverIndex[] = [];
  for (const { spec, isUnique } of indexes) {
    if (!isUnique || declared.some((one) => isOnSamePaths(one, spec))) continue;
    const absentPaths = Object.keys(spec.keyPattern).filter(
      (path) => !models.some(({ schema }) => hasPath(schema as AnySchema, path)),
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
  const db = await findDatabase(model);
  return db
    .collection(model.collection.name)
    .countDocuments({ $or: paths.map((path) => ({ [path]: { $ne: null } })) });
}
