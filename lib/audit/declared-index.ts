/** The unique indexes that Mongoose builds for a model, as it sends them to the server. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { baseOf, readUniqueIndex, schemasOf, type UniqueIndex } from '../schema/unique-index';

/** What distinguishes one index from another on the server. */
export interface IndexSpec {
  /** As the schema gives it, else as the driver makes it of the key pattern: `email_1`. */
  name: string;
  /** Its paths in order, with 1, -1 or the kind of the index. */
  keyPattern: Record<string, unknown>;
  /** Left out where it is not sparse. */
  sparse?: true;
  /** Which documents it holds; unset where it holds all. */
  partialFilterExpression?: Record<string, unknown>;
  /** Which strings it treats as equal; unset where it compares them by bytes. */
  collation?: Record<string, unknown>;
}

/**
 * Those of the model, of its base model and of its discriminators; `_id` aside. One name may stand
 * there twice: two discriminators with the same unique path have two indexes, each for its own
 * documents, and only one of them can be built under that name.
 */
export function findDeclaredIndexes(model: AnyModel): IndexSpec[] {
  const baseSchema = baseOf(model).schema as AnySchema;
  const ofBase = baseSchema.indexes();
  const specs: IndexSpec[] = [];
  for (const schema of schemasOf(model)) {
    for (const index of schema.indexes()) {
      // A discriminator repeats its base's; Mongoose builds those once, for the base.
      const isRepeated =
        schema !== baseSchema && ofBase.some((one) => isDeepStrictEqual(one, index));
      const unique = isRepeated ? undefined : readUniqueIndex(schema, index);
      const spec = unique && toSpec(unique);
      if (spec && !specs.some((one) => isDeepStrictEqual(one, spec))) specs.push(spec);
    }
  }
  return specs;
}

function toSpec({ name, keyPattern, sparse, builtFilter, collation }: UniqueIndex): IndexSpec {
  return {
    name,
    keyPattern: { ...keyPattern },
    ...(sparse && { sparse }),
    ...(builtFilter && { partialFilterExpression: builtFilter }),
    ...(collation && { collation: { ...collation } }),
  };
}
