/** The unique indexes that the schema of a model declares, including its discriminators. */
import type { IndexDefinition, IndexOptions, mongo } from 'mongoose';
import { findBaseName, findKind, type AnyModel, type AnySchema } from '../mongoose-internals';

export interface UniqueIndex {
  name: string;
  keyPattern: Record<string, unknown>;
  collation?: mongo.CollationOptions;
  partialFilterExpression?: Record<string, unknown>;
  sparse?: true;
  /** The partial filter of the built index: Mongoose adds the kind for a discriminator. */
  builtFilter?: Record<string, unknown>;
}

const ID_INDEX: UniqueIndex = { name: '_id_', keyPattern: { _id: 1 } };

const cache = new WeakMap<AnySchema, UniqueIndex[]>();

/**
 * Read on first use, because a plugin may be applied before the indexes are declared, and then cached, because
 * reading takes longer than the rest of a conversion. `_id` comes first. Of indexes with the same name only
 * the base's counts, because a discriminator repeats the indexes of its base.
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
 * The schemas whose indexes a write of the model can violate: its own, its base model's, and those of its
 * discriminators.
 */
export function schemasOf(model: AnyModel): AnySchema[] {
  const models = [model, baseOf(model), ...Object.values(model.discriminators ?? {})];
  return [...new Set(models)].map(({ schema }) => schema as AnySchema);
}

/** The models that share the collection: the base, all its discriminators, and others on the connection. */
export function modelsOfCollection(model: AnyModel): AnyModel[] {
  const base = baseOf(model);
  const sharing = Object.values(model.db.models).filter(
    ({ collection }) => collection.name === model.collection.name,
  );
  return [...new Set([model, base, ...Object.values(base.discriminators ?? {}), ...sharing])];
}

/** Their schemas. */
export function schemasOfCollection(model: AnyModel): AnySchema[] {
  return modelsOfCollection(model).map(({ schema }) => schema as AnySchema);
}

/** The base model of a discriminator; any other model itself. */
export function baseOf(model: AnyModel): AnyModel {
  const baseName = findBaseName(model);
  return (baseName && model.db.models[baseName]) || model;
}

function isOfKind(schema: AnySchema): boolean {
  return findKind(schema)?.value !== undefined;
}

function readUniqueIndexes(schema: AnySchema): UniqueIndex[] {
  return schema.indexes().flatMap((declared) => readUniqueIndex(schema, declared) ?? []);
}

/** As Mongoose builds it. Undefined if it is not unique, and for `_id`, whose index always exists. */
export function readUniqueIndex(
  schema: AnySchema,
  [definition, options]: [IndexDefinition, IndexOptions],
): UniqueIndex | undefined {
  const keyPattern = definition as Record<string, unknown>;
  if (!isUnique(options) || Object.keys(keyPattern).join() === '_id') return undefined;
  const { name = defaultName(keyPattern), sparse } = options;
  const collation =
    options.collation ?? (isTextPattern(keyPattern) ? undefined : schema.options.collation);
  const declared = options.partialFilterExpression as Record<string, unknown> | undefined;
  const kind = findKind(schema);
  const isOfKindAlone = kind?.value && !('sparse' in options);
  const builtFilter = isOfKindAlone ? { ...declared, [kind.key]: kind.value } : declared;
  return {
    name,
    keyPattern,
    ...(collation && { collation: { ...collation } }),
    ...(declared && { partialFilterExpression: { ...declared } }),
    ...(sparse && { sparse: true }),
    ...(builtFilter && { builtFilter: { ...builtFilter } }),
  };
}

/** The partial filters of all indexes that the schema declares, unique or not. */
export function readDeclaredFilters(
  schema: AnySchema,
): { name: string; filter: Record<string, unknown> }[] {
  return schema.indexes().flatMap(([definition, options]: [object, IndexOptions]) => {
    const { name = defaultName(definition), partialFilterExpression: filter } = options;
    return filter === undefined ? [] : [{ name, filter }];
  });
}

/** `unique: [true, message]` is Mongoose's own form for a message. */
function isUnique({ unique }: { unique?: unknown }): boolean {
  return unique === true || Array.isArray(unique);
}

/** Text indexes have no collation. */
export function isTextPattern(keyPattern: Record<string, unknown>): boolean {
  return Object.values(keyPattern).includes('text');
}

/** The same paths in the same order and direction; the paths of a text index have no order. */
export function isSamePattern(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const others = toEntries(b);
  const entries = toEntries(a);
  return (
    entries.length === others.length &&
    entries.every(([path, direction], position) => {
      const [otherPath, otherDirection] = others[position] as Entry;
      return path === otherPath && direction === otherDirection;
    })
  );
}

type Entry = [path: string, direction: string | number];

function toEntries(keyPattern: Record<string, unknown>): Entry[] {
  const entries = Object.entries(keyPattern).map(([path, direction]): Entry => [
    path,
    typeof direction === 'string' ? direction : Number(direction),
  ]);
  const isText = ([, direction]: Entry) => direction === 'text';
  const textEntries = entries.filter(isText).sort();
  return entries.map((entry) => (isText(entry) ? (textEntries.shift() as Entry) : entry));
}

/** The name that the driver gives an index by default, such as `email_1_tenant_-1`. */
function defaultName(keyPattern: object): string {
  return Object.entries(keyPattern).flat().join('_');
}
