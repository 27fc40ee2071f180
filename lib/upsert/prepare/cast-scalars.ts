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
import { valueAt, type Fields } from './paths-and-values';

/** Returns the new document, or undefined if only a Mongoose document can say what is stored. */
export type CastScalars = (input: object) => Fields | undefined;

/** Undefined if a path of the model needs a document even where the input does not give it. */
export function findCastScalars(model: AnyModel): CastScalars | undefined {
  const paths = findPaths(model);
  if (paths === undefined) return undefined;
  const times = timestampPaths(model.schema as AnySchema);
  const required = ['_id', ...(Object.values(times) as string[])];
  if (!required.every((path) => paths.get(path)?.cast)) return undefined;
  const { updatedAt } = times;
  const castAll = (input: object): Fields | undefined => {
    const document = castGiven(paths, input);
    if (document === undefined) return undefined;
    addDefaults(paths, document);
    // As in `save()`: a given `updatedAt` is replaced, a default stays.
    if (updatedAt && Object.hasOwn(input, updatedAt)) Reflect.deleteProperty(document, updatedAt);
    setMissingTimes(model, paths, document);
    return isStorable(paths, document) ? document : undefined;
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

type Paths = Map<string, IndependentPath>;

function castGiven(paths: Paths, input: object): Fields | undefined {
  const document: Fields = {};
  for (const [path, value] of Object.entries(input) as [string, unknown][]) {
    const cast = isScalar(value) ? paths.get(path)?.cast : undefined;
    const casted = cast?.(value);
    if (casted === undefined) return undefined;
    document[path] = casted;
  }
  return document;
}

function addDefaults(paths: Paths, document: Fields): void {
  for (const [path, { makeDefault }] of paths) {
    if (makeDefault === undefined || Object.hasOwn(document, path)) continue;
    const value = makeDefault();
    if (value !== undefined) document[path] = value;
  }
}

function setMissingTimes(model: AnyModel, paths: Paths, document: Fields): void {
  const names = Object.values(timestampPaths(model.schema as AnySchema) as Record<string, string>);
  const missing = names.filter((path) => !valueAt(document, path));
  if (missing.length === 0) return;
  const now = currentTimeOf(model);
  for (const path of missing) document[path] = paths.get(path)?.cast?.(now);
}

/** The server needs an `_id`. */
function isStorable(paths: Paths, document: Fields): boolean {
  if (document['_id'] === undefined || document['_id'] === null) return false;
  for (const [path, { isInvalid }] of paths) if (isInvalid?.(valueAt(document, path))) return false;
  return true;
}

function findPaths(model: AnyModel): Paths | undefined {
  const { paths, options } = model.schema as AnySchema;
  if (resolveKind(model) !== undefined) return undefined;
  const found: Paths = new Map();
  for (const [path, type] of Object.entries(paths as Record<string, PathType>)) {
    const independent = findIndependentPath(model, type);
    if (independent === undefined) return undefined;
    if (!path.includes('.')) {
      found.set(path, independent);
      continue;
    }
    // A nested object that the input does not give is stored for a default in it, or with `minimize: false`.
    const isStored = independent.makeDefault !== undefined || options.minimize === false;
    if (isStored || independent.isInvalid !== undefined) return undefined;
  }
  return found;
}

function isScalar(value: unknown): boolean {
  if (typeof value !== 'object') return value !== undefined && typeof value !== 'function';
  return value === null || value instanceof Date || isObjectId(value);
}
