/** Names in the plugin's options that the schema does not have; likely typing errors. */
import { isOfGlobalPlugin, type AnyModel, type AnySchema } from '../mongoose-internals';
import type { UniqueGuardOptions } from '../options/plugin-options';
import { show } from '../options/show';
import { hasPath } from '../schema/find-path-types';
import { withoutPositions } from '../schema/path';
import { findUniqueIndexes, modelsOfCollection } from '../schema/unique-index';

const unknownPaths = new WeakMap<object, WeakMap<AnySchema, string[]>>();

/** The paths in `hideValues` that no model of the collection has or declares an index on; read once. */
export function findUnknownPaths(model: AnyModel, options: UniqueGuardOptions): string[] {
  const { hideValues } = options;
  // The options of a global plugin may name paths that only some schemas have.
  if (!Array.isArray(hideValues) || isOfGlobalPlugin(model, options)) return [];
  const paths = hideValues as string[];
  let ofList = unknownPaths.get(paths);
  if (ofList === undefined) unknownPaths.set(paths, (ofList = new WeakMap()));
  const schema = model.schema as AnySchema;
  let unknown = ofList.get(schema);
  if (unknown === undefined) {
    const models = modelsOfCollection(model);
    unknown = paths.filter((path) => !models.some((one) => isKnown(one, path)));
    ofList.set(schema, unknown);
  }
  return unknown;
}

function isKnown(model: AnyModel, path: string): boolean {
  const plain = withoutPositions(path);
  const isIndexed = findUniqueIndexes(model).some(({ keyPattern }) =>
    Object.hasOwn(keyPattern, plain),
  );
  return isIndexed || hasPath(model.schema as AnySchema, plain);
}

const warned = new WeakSet<AnySchema>();

/** A sentence on each mistake; a process warning as well, once for each schema. */
export function reportOptionMistakes(
  model: AnyModel,
  options: UniqueGuardOptions,
): string | undefined {
  if (options.hideValues === undefined && options.indexes === undefined) return undefined;
  const paths = findUnknownPaths(model, options).map((path) => show(path));
  const names = findUniqueIndexes(model).map(({ name }) => name);
  const unknown = isOfGlobalPlugin(model, options)
    ? []
    : Object.keys(options.indexes ?? {}).filter((name) => !names.includes(name));
  const isFirst = !warned.has(model.schema as AnySchema);
  warned.add(model.schema as AnySchema);
  const sentences = [
    ...(paths.length === 0
      ? []
      : [
          `uniqueGuard: options.hideValues has ${paths.join(', ')}, which the schema of ` +
            `${model.modelName} does not have, so all values are hidden. Write the path as the schema does.`,
        ]),
    ...(unknown.length === 0 || !isFirst
      ? []
      : [
          `uniqueGuard: options.indexes has ${unknown.map((name) => show(name)).join(', ')}, but ` +
            `${model.modelName} declares no unique index of that name. ` +
            `Its unique indexes are ${names.map((name) => show(name)).join(', ')}.`,
        ]),
  ];
  if (sentences.length === 0) return undefined;
  const reason = sentences.join(' ');
  if (isFirst) process.emitWarning(reason, { code: 'UNIQUE_GUARD_OPTIONS' });
  return reason;
}
