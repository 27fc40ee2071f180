/** Casts inputs whose values are all scalars, without a Mongoose document: that takes most of a row's time. */
import { isObjectId } from '../../bson/same-value';
import {
  findIndependentPath,
  resolveKind,
  type AnyModel,
  type AnySchema,
  type IndependentPath,
  type PathType,
} from '../../mongoose-internals';
import { currentTimeOf, timestampPaths } from '../../schema/kept-paths';
import type { Fields } from './paths-and-values';

/** Returns the new document, or undefined if only a Mongoose document can say what is stored. */
export type CastScalars = (input: object) => Fields | undefined;

/** Undefined if a path of the model needs a document even where the input does not give it. */
export function findCastScalars(model: AnyModel): CastScalars | undefined {
  const schema = model.schema as AnySchema;
  const paths = findPaths(model);
  const { createdAt, updatedAt } = timestampPaths(schema);
  const scalars = ['_id', createdAt, updatedAt].filter((path) => path !== undefined);
  if (!scalars.every((path) => paths?.get(path)?.cast) || paths === undefined) return undefined;
  const castTime = (path: string, now: unknown) => paths.get(path)?.cast?.(now);
  const hasTimestamps = scalars.length > 1;
  const all = [...paths];
  const castAll = (input: object): Fields | undefined => {
    // Without a prototype, because a path may be called `valueOf`.
    const document = Object.create(null) as Fields;
    for (const [path, value] of Object.entries(input) as [string, unknown][]) {
      const cast = isScalar(value) ? paths.get(path)?.cast : undefined;
      const casted = cast?.(value);
      if (casted === undefined) return undefined;
      document[path] = casted;
    }
    const isUpdatedAtGiven = updatedAt !== undefined && document[updatedAt] !== undefined;
    for (const [path, { makeDefault }] of all) {
      if (makeDefault === undefined || document[path] !== undefined) continue;
      const value = makeDefault();
      if (value !== undefined) document[path] = value;
    }
    if (hasTimestamps) {
      const now = currentTimeOf(schema) ?? model.base.now();
      if (createdAt && !document[createdAt]) document[createdAt] = castTime(createdAt, now);
      if (updatedAt && (isUpdatedAtGiven || !document[updatedAt]))
        document[updatedAt] = castTime(updatedAt, now);
    }
    const isStorable =
      document['_id'] !== undefined &&
      document['_id'] !== null &&
      all.every(([path, { isInvalid }]) => !isInvalid?.(document[path]));
    return isStorable ? document : undefined;
  };
  return (input) => {
    try {
      return castAll(input);
    } catch {
      // A value that cannot be cast: the document has the errors of all paths.
      return undefined;
    }
  };
}

function findPaths(model: AnyModel): Map<string, IndependentPath> | undefined {
  const { paths, options } = model.schema as AnySchema;
  if (resolveKind(model) !== undefined) return undefined;
  const found = new Map<string, IndependentPath>();
  for (const [path, type] of Object.entries(paths as Record<string, PathType>)) {
    const independent = findIndependentPath(model, type);
    if (independent === undefined) return undefined;
    if (!path.includes('.')) {
      found.set(path, independent);
      continue;
    }
    // A nested object that the input does not give is stored for a default in it, or with `minimize: false`.
    const { makeDefault, isInvalid } = independent;
    if (makeDefault ?? isInvalid ?? options.minimize === false) return undefined;
  }
  return found;
}

function isScalar(value: unknown): boolean {
  if (typeof value !== 'object') return value !== undefined && typeof value !== 'function';
  return value === null || value instanceof Date || isObjectId(value);
}
