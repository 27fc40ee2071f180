/** What one upsert writes, by the rule for a document that exists. Pure. */
import type { AnySchema } from '../../mongoose-internals';
import { keptPathsOf, pathsBelow, type TimestampPaths } from '../../schema/kept-paths';
import { findPathType, isAtOrBelow } from '../../schema/path';
import type { ConflictRule } from '../on-conflict';
import { isBelowAny, type Changes } from './find-changes';
import type { UpsertFilter } from './to-filter';
import { toOperators, type Fields, type Operators } from './to-operators';

export type UpsertWrite = {
  /** The whole document, as an insert writes it. */
  inserted: Fields;
  /** The paths at which the query's middleware changes nothing. */
  given: string[];
} & (
  | { kind: 'update'; always: Operators }
  | { kind: 'skip' }
  | {
      kind: 'replace';
      /** The document where one is there; the same as `inserted`, but for what asks `isNew`. */
      existing: Fields;
      /** The paths at which the stored document stays as it is. */
      kept: string[];
      /** Is it a nested object? A subdocument that the document does not have goes as a whole. */
      isNested: IsNested;
      /** An expression that is true where no document is there. */
      isInsert: object;
    }
);

export type IsNested = (path: string) => boolean;

export function toWrite(
  schema: AnySchema,
  rule: ConflictRule,
  inserted: Fields,
  onInsert: Changes,
  onUpdate: Changes,
  { updatedAt }: TimestampPaths,
  { key, filter }: UpsertFilter,
): UpsertWrite {
  if (rule.kind === 'skip') return { kind: 'skip', inserted, given: onInsert.paths };
  if (rule.kind === 'replace') {
    const existing = onUpdate === onInsert ? inserted : onUpdate.document;
    // The server begins with what the filter demands, which is the `_id` too where that is the target.
    const isInsert =
      '_id' in key
        ? { $lte: [{ $size: { $objectToArray: '$$ROOT' } }, Object.keys(filter).length] }
        : { $eq: [{ $type: '$_id' }, 'missing'] };
    const kept = [...keptPathsOf(schema)];
    const isNested = (path: string) => findPathType(schema, path) === undefined;
    return { kind: 'replace', inserted, existing, given: onInsert.paths, kept, isNested, isInsert };
  }
  const touched = updatedAt === undefined ? [] : [updatedAt];
  const isOperators = rule.kind === 'operators';
  const paths = isOperators ? touched : [...new Set([...onUpdate.paths, ...touched])];
  const always = toOperators({
    document: onUpdate.document,
    paths,
    additions: onUpdate.additions,
    isKept: toIsKept(schema, rule, touched),
    pathsBelow: (path) => pathsBelow(schema, path),
  });
  return { kind: 'update', inserted, given: isOperators ? [] : onInsert.paths, always };
}

/** A path above a listed one is not kept as a whole: it is written path by path. */
function toIsKept(
  schema: AnySchema,
  rule: ConflictRule,
  touched: string[],
): (path: string, isWhole: boolean) => boolean {
  const kept = keptPathsOf(schema);
  const isAboveAny = (paths: readonly string[], path: string) =>
    paths.some((one) => isAtOrBelow(one, path));
  if (rule.kind === 'only') {
    const listed = [...rule.paths, ...touched];
    return (path, isWhole) =>
      kept.has(path) || !(isBelowAny(listed, path) || (!isWhole && isAboveAny(listed, path)));
  }
  if (rule.kind === 'except') {
    const { paths } = rule;
    return (path, isWhole) =>
      kept.has(path) || isBelowAny(paths, path) || (isWhole && isAboveAny(paths, path));
  }
  return (path) => kept.has(path);
}
