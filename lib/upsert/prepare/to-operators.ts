/** The operators with which an upsert writes its paths to a document that exists. Pure. */
import { isAtOrBelow } from '../../schema/path';
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
  /** The paths to write always, none below another. */
  paths: string[];
  /** Arrays that were only added to: what was added, instead of an array that was never read. */
  additions: Map<string, { operator: '$push' | '$addToSet'; elements: unknown[] }>;
  /**
   * Does a document that is there keep this path: `_id`, `createdAt`, an immutable one, one that is not
   * listed? `isWhole`: all below included.
   */
  isKept: (path: string, isWhole: boolean) => boolean;
  /** The schema's paths right below one that holds an object. */
  pathsBelow: (path: string) => string[];
  /** Is it a nested object? It exists for what it holds, where a subdocument is a value. */
  isNested: (path: string) => boolean;
}

/** What to write always. A path that the document does not hold is unset, as `save()` would. */
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

/** An object with a kept path inside is written path by path, so that it keeps that one. */
function expand(source: UpsertSource, path: string): string[] {
  const { document, isKept, pathsBelow, isNested } = source;
  const found = valueAt(document, path);
  const value = found === undefined && isNested(path) ? {} : found;
  if (isKept(path, false) || !isPlainObject(value)) return [path];
  const declared = pathsBelow(path);
  const others = Object.keys(value)
    .map((key) => `${path}.${key}`)
    .filter((one) => !declared.some((other) => isAtOrBelow(other, one)));
  const below = [...declared, ...others].flatMap((one) => expand(source, one));
  return below.some((one) => isKept(one, true)) ? below : [path];
}
