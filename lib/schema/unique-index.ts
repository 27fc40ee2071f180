/** The unique indexes that a model's schema declares, its discriminators' included. */
import type { mongo } from 'mongoose';
import type { AnyModel, AnySchema } from '../options';

export interface UniqueIndex {
  name: string;
  keyPattern: Record<string, unknown>;
  collation?: mongo.CollationOptions;
  partialFilterExpression?: Record<string, unknown>;
  sparse?: boolean;
  /** What Mongoose adds to the partial filter when it builds an index of a discriminator. */
  discriminator?: Record<string, unknown>;
}

const ID_INDEX: UniqueIndex = { name: '_id_', keyPattern: { _id: 1 } };

const cache = new WeakMap<AnySchema, UniqueIndex[]>();

/**
 * Read on the first use and then kept: plugins may be applied before the indexes are declared, and
 * to read them takes longer than all the rest of a conversion. `_id` comes first; of one name there
 * is one, the base's, for a discriminator repeats what its base declares on a path.
 */
export function findUniqueIndexes(model: AnyModel): UniqueIndex[] {
  const byName = new Map([[ID_INDEX.name, ID_INDEX]]);
  const schemas = schemasOf(model).sort((a, b) => Number(isOfKind(a)) - Number(isOfKind(b)));
  for (const schema of schemas) {
    let own = cache.get(schema);
    if (own === undefined) cache.set(schema, (own = readUniqueIndexes(schema)));
    for (const index of own) {
      if (!byName.has(index.name)) byName.set(index.name, index);
    }
  }
  return [...byName.values()];
}

/**
 * The schemas of all models that write to the model's collection and whose indexes it can violate:
 * its own, the base model's where it is a discriminator, and those of its discriminators.
 */
export function schemasOf(model: AnyModel): AnySchema[] {
  const base = model.baseModelName === undefined ? undefined : model.db.models[model.baseModelName];
  const models = [model, ...(base ? [base] : []), ...Object.values(model.discriminators ?? {})];
  return models.map(({ schema }) => schema);
}

/** What Mongoose keeps on the schema of a discriminator; that of its base has no value. */
function mappingOf(schema: AnySchema): { key: string; value?: unknown } | undefined {
  return (schema as unknown as { discriminatorMapping?: { key: string } }).discriminatorMapping;
}

function isOfKind(schema: AnySchema): boolean {
  return mappingOf(schema)?.value != null;
}

function readUniqueIndexes(schema: AnySchema): UniqueIndex[] {
  const kind = mappingOf(schema);
  return schema.indexes().flatMap(([keyPattern, options]) => {
    if (!isUnique(options)) return [];
    const { name, partialFilterExpression, sparse } = options;
    const collation = options.collation ?? schema.options.collation;
    // As Mongoose builds it, unless it says anything of sparse.
    const isPartial = kind?.value != null && !('sparse' in options);
    return {
      name: name ?? defaultName(keyPattern),
      keyPattern,
      ...(collation && { collation: { ...collation } }),
      ...(partialFilterExpression && { partialFilterExpression: { ...partialFilterExpression } }),
      ...(sparse && { sparse }),
      ...(isPartial && { discriminator: { [kind.key]: kind.value } }),
    };
  });
}

/** `unique: [true, message]` is Mongoose's own way to give a message. */
export function isUnique({ unique }: { unique?: unknown }): boolean {
  return unique === true || Array.isArray(unique);
}

/** The driver's own way to name an index, `email_1_tenant_-1`. */
export function defaultName(keyPattern: object): string {
  return Object.entries(keyPattern).flat().join('_');
}
