/** The unique indexes that Mongoose builds for a model, as it sends them to the server. */
import { isDeepStrictEqual } from 'node:util';
import type { IndexDefinition, IndexOptions } from 'mongoose';
import type { AnyModel, AnySchema } from '../options';
import { defaultName, isUnique, schemasOf } from '../schema/unique-index';

/** What tells one index from another on the server. */
export interface IndexSpec {
  /** As the schema gives it, else as the driver makes it of the key pattern: `email_1`. */
  name: string;
  /** Its paths in order, with 1, -1 or the kind of the index. */
  keyPattern: Record<string, unknown>;
  /** Left out where it is not sparse. */
  sparse?: true;
  /** Which documents it holds; left out where it holds all. */
  partialFilterExpression?: Record<string, unknown>;
  /** What texts it takes for one; left out where it compares them by bytes. */
  collation?: Record<string, unknown>;
}

/**
 * Those of the model, of its base model and of its discriminators; `_id` aside. One name may stand
 * there twice: two discriminators with the same unique path have two indexes, each for its own
 * documents, and only one of them can be built under that name.
 */
export function findDeclaredIndexes(model: AnyModel): IndexSpec[] {
  const base = model.baseModelName === undefined ? undefined : model.db.models[model.baseModelName];
  const baseSchema = (base ?? model).schema as AnySchema;
  const ofBase = baseSchema.indexes();
  const specs: IndexSpec[] = [];
  for (const schema of schemasOf(model)) {
    for (const index of schema.indexes()) {
      // A discriminator repeats its base's; Mongoose builds those once, for the base.
      const isRepeated =
        schema !== baseSchema && ofBase.some((one) => isDeepStrictEqual(one, index));
      const spec = isRepeated ? undefined : toSpec(schema, index);
      if (spec && !specs.some((one) => isDeepStrictEqual(one, spec))) specs.push(spec);
    }
  }
  return specs;
}

/** What schema.indexes() says, with what Mongoose adds when it builds the index. */
function toSpec(
  schema: AnySchema,
  [definition, options]: [IndexDefinition, IndexOptions],
): IndexSpec | undefined {
  const keyPattern = definition as Record<string, unknown>;
  if (!isUnique(options) || Object.keys(keyPattern).join() === '_id') return undefined;
  const partialFilterExpression = toPartialFilter(schema, options);
  const collation = options.collation ?? findSchemaCollation(schema, keyPattern);
  return {
    name: options.name ?? defaultName(keyPattern),
    keyPattern: { ...keyPattern },
    ...(options.sparse && { sparse: true }),
    ...(partialFilterExpression && { partialFilterExpression }),
    ...(collation && { collation: { ...collation } }),
  };
}

/** A discriminator's index is for its own documents, unless it says something of `sparse`. */
function toPartialFilter(
  schema: AnySchema,
  options: IndexOptions,
): Record<string, unknown> | undefined {
  const { discriminatorMapping } = schema as {
    discriminatorMapping?: { key: string; value?: unknown };
  };
  const given = options.partialFilterExpression as Record<string, unknown> | undefined;
  if (!discriminatorMapping?.value || 'sparse' in options) return given && { ...given };
  return { ...given, [discriminatorMapping.key]: discriminatorMapping.value };
}

function findSchemaCollation(
  schema: AnySchema,
  keyPattern: Record<string, unknown>,
): object | undefined {
  return isTextPattern(keyPattern) ? undefined : schema.get('collation');
}

/** Text indexes know no collation. */
export function isTextPattern(keyPattern: Record<string, unknown>): boolean {
  return Object.values(keyPattern).includes('text');
}
