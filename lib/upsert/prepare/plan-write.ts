/** What one upsert writes, by the rule for a document that exists. Pure. */
import { sameBytesFor, type IsSameValue } from '../../bson/same-value';
import type { AnyModel, AnySchema } from '../../mongoose-internals';
import { keptPathsOf, pathsBelow, type TimestampPaths } from '../../schema/kept-paths';
import { findPathType, isAtOrBelow } from '../../schema/path';
import type { ConflictRule } from '../on-conflict';
import { isBelowAny, type Changes } from './find-changes';
import type { UpsertFilter } from './to-filter';
import { minimize } from './minimize';
import { findRaisedVersion } from './find-raised-version';
import { valueAt, type Fields, type Operators } from './paths-and-values';
import { toOperators } from './to-operators';

export type UpsertWrite = {
  /** The whole document, as an insert writes it. */
  inserted: Fields;
  /** The paths at which the query's middleware changes nothing. */
  given: string[];
} & (
  | {
      kind: 'update';
      always: Operators;
      touched: Touched;
      /** Is the update of the caller's own operators written, too? */
      isByOperators: boolean;
      /** True where no document exists. */
      isInsert: object;
      /**
       * Operators, where nothing depends on what is stored; a pipeline, where something does; either of
       * them, where only the times do.
       */
      form: 'operators' | 'pipeline' | 'either';
    }
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
      touched: Touched;
    }
);

/** What is written besides, where anything changes. */
export interface Touched {
  /** `updatedAt` and its value, of a schema that has it. */
  times: Fields;
  /** The version key, where the version is to be raised. */
  version?: string;
}

export type IsNested = (path: string) => boolean;

export function planWrite(
  model: AnyModel,
  rule: ConflictRule,
  inserted: Fields,
  onInsert: Changes,
  onUpdate: Changes,
  { updatedAt }: TimestampPaths,
  { key, filter }: UpsertFilter,
): UpsertWrite {
  if (rule.kind === 'skip') return { kind: 'skip', inserted, given: onInsert.paths };
  const schema = model.schema as AnySchema;
  const isNested = (path: string) => findPathType(schema, path) === undefined;
  const isLeft = rule.kind === 'except' && isBelowAny(rule.paths, String(updatedAt));
  const hasTimes = updatedAt !== undefined && !isLeft;
  const toTouched = (operators: Operators, document: Fields): Touched => {
    const times = hasTimes ? { [updatedAt]: document[updatedAt] } : {};
    const version = findRaisedVersion(schema, operators, Object.keys(times));
    return {
      times,
      ...(version !== undefined && { version }),
    };
  };
  if (rule.kind === 'replace') {
    const existing = onUpdate === onInsert ? inserted : onUpdate.document;
    const isInsert = toIsInsert(key, filter);
    const kept = [...keptPathsOf(schema)];
    const touched = toTouched({ $set: existing }, existing);
    const given = onInsert.paths;
    return { kind: 'replace', inserted, existing, given, kept, isNested, isInsert, touched };
  }
  const isOperators = rule.kind === 'operators';
  const full = isOperators
    ? {}
    : toOperators({
        document: onUpdate.document,
        paths: onUpdate.paths.filter((path) => path !== updatedAt),
        additions: onUpdate.additions,
        isKept: toIsKept(schema, rule),
        pathsBelow: (path) => pathsBelow(schema, path),
        isNested,
      });
  const always = schema.options.minimize === false ? full : minimize(full);
  const touched = toTouched(always, onUpdate.document);
  const isSame = onUpdate === onInsert ? () => true : sameBytesFor(model);
  const isOther = always !== full || isOtherOnInsert(always, inserted, isSame);
  return {
    kind: 'update',
    inserted,
    given: isOperators ? [] : onInsert.paths,
    always,
    touched,
    isByOperators: isOperators,
    isInsert: toIsInsert(key, filter),
    form: toForm(isOther || touched.version !== undefined, !isOperators && hasTimes),
  };
}

function toForm(dependsOnStored: boolean, hasTimes: boolean): 'operators' | 'pipeline' | 'either' {
  if (dependsOnStored) return 'pipeline';
  return hasTimes ? 'either' : 'operators';
}

/** The server begins with what the filter demands, which is the `_id` as well where that is the target. */
function toIsInsert(key: Fields, filter: Fields): object {
  return '_id' in key
    ? { $lte: [{ $size: { $objectToArray: '$$ROOT' } }, Object.keys(filter).length] }
    : { $eq: [{ $type: '$_id' }, 'missing'] };
}

/** Would the operators leave other values in a new document than it is to have? */
function isOtherOnInsert(
  { $set = {}, $unset = {}, $push = {}, $addToSet = {} }: Operators,
  inserted: Fields,
  isSame: IsSameValue,
): boolean {
  const isShorter = ([path, added]: [string, unknown]) =>
    (added as { $each: unknown[] }).$each.length !== (valueAt(inserted, path) as unknown[]).length;
  return (
    Object.entries($set).some(([path, value]) => !isSame(value, valueAt(inserted, path))) ||
    Object.keys($unset).some((path) => valueAt(inserted, path) !== undefined) ||
    Object.entries({ ...$push, ...$addToSet }).some(isShorter)
  );
}

/** A path above a listed one is not kept as a whole: it is written path by path. */
function toIsKept(
  schema: AnySchema,
  rule: ConflictRule,
): (path: string, isWhole: boolean) => boolean {
  const kept = keptPathsOf(schema);
  const isAboveAny = (paths: readonly string[], path: string) =>
    paths.some((one) => isAtOrBelow(one, path));
  if (rule.kind === 'only') {
    const { paths } = rule;
    return (path, isWhole) =>
      kept.has(path) || !(isBelowAny(paths, path) || (!isWhole && isAboveAny(paths, path)));
  }
  if (rule.kind === 'except') {
    const { paths } = rule;
    return (path, isWhole) =>
      kept.has(path) || isBelowAny(paths, path) || (isWhole && isAboveAny(paths, path));
  }
  return (path) => kept.has(path);
}
