/** Converts paths of a document to the update operators for a document that exists. Pure. */
import {
  isPlainObject,
  valueAt,
  withoutEmpty,
  type Fields,
  type Operators,
} from './paths-and-values';

export interface UpsertSource {
  /** The document that holds the values of `paths`. */
  document: Fields;
  /** The paths to write, none of them below another. */
  paths: string[];
  /** The new elements of arrays that were only extended: the stored array is not read, so it must stay. */
  additions: Map<string, { operator: '$push' | '$addToSet'; elements: unknown[] }>;
  /**
   * True if a document that exists keeps its value at this path: `_id`, `createdAt`, an immutable path, or
   * one that `onConflict` excludes. `isWhole` asks it of the path with everything below it.
   */
  isKept: (path: string, isWhole: boolean) => boolean;
  /** The schema's paths directly below a path with an object. */
  pathsBelow: (path: string) => string[];
  /** True for a nested object. It exists only because of its paths; a subdocument is a value. */
  isNested: (path: string) => boolean;
}

/** The operators for all paths. A path that the document does not have is unset, as in `save()`. */
export function toOperators(source: UpsertSource): Operators {
  const update = { $set: {}, $unset: {}, $push: {}, $addToSet: {} } as Record<string, Fields>;
  const write = (operator: string, path: string, value: unknown): void => {
    (update[operator] as Fields)[path] = value;
  };
  for (const path of source.paths.flatMap((one) => expand(source, one))) {
    if (source.isKept(path, true)) continue;
    const added = source.additions.get(path);
    const value = valueAt(source.document, path);
    if (added) write(added.operator, path, { $each: added.elements });
    else if (value === undefined) write('$unset', path, 1);
    else write('$set', path, value);
  }
  return withoutEmpty(update);
}

/** Splits an object that contains a kept path into its paths, so that the kept one is not written. */
function expand(source: UpsertSource, path: string): string[] {
  const { document, isKept, pathsBelow, isNested } = source;
  const given = valueAt(document, path);
  const value = given === undefined && isNested(path) ? {} : given;
  if (isKept(path, false) || !isPlainObject(value)) return [path];
  const present = Object.keys(value).map((key) => `${path}.${key}`);
  const all = new Set([...pathsBelow(path), ...present]);
  const below = [...all].flatMap((one) => expand(source, one));
  return below.some((one) => isKept(one, true)) ? below : [path];
}
