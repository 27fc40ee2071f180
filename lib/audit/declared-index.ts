/** Lists the unique indexes that Mongoose builds for a model, as it sends them to the server. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { baseOf, readUniqueIndex, schemasOf, type UniqueIndex } from '../schema/unique-index';

/** The name, the keys and the options of an index. */
export interface IndexSpec {
  /** The name in the schema; by default the driver's, such as `email_1`. */
  name: string;
  /** The paths in order, each with 1, -1 or the type of the index, such as `'text'`. */
  keyPattern: Record<string, unknown>;
  /** Unset if the index is not sparse. */
  sparse?: true;
  /** The filter of the documents in the index. Unset if the index contains all. */
  partialFilterExpression?: Record<string, unknown>;
  /** The rules that compare strings. Unset for binary comparison. */
  collation?: Record<string, unknown>;
}

/**
 * The indexes of the model, its base model and its discriminators, without `_id`. A name can occur twice: if
 * two discriminators declare the same unique path, each has an index for its own documents, but the server
 * builds only one of that name.
 */
export function findDeclaredIndexes(model: AnyModel): IndexSpec[] {
  const baseSchema = baseOf(model).schema as AnySchema;
  const ofBase = baseSchema.indexes();
  const specs: IndexSpec[] = [];
  for (const schema of schemasOf(model)) {
    for (const index of schema.indexes()) {
      // A discriminator repeats the indexes of its base. Mongoose builds those once, for the base.
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
