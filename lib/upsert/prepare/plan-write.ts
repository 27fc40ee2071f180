/** Plans what one upsert writes, as `onConflict` says; send/build-update.ts builds the update. Pure. */
import { sameBytesFor, type IsSameValue } from '../../bson/same-value';
import type { AnyModel, AnySchema } from '../../mongoose-internals';
import { keptPathsOf, pathsBelow, type TimestampPaths } from '../../schema/kept-paths';
import { findPathType, isAtOrBelow } from '../../schema/path';
import { pathsOf } from '../../write/write';
import type { ConflictRule } from '../on-conflict';
import { isBelowAny, type Changes } from './find-changes';
import type { UpsertFilter } from './to-filter';
import { minimize } from './minimize';
import { findRaisedVersion } from './find-raised-version';
import { valueAt, withValuesOf, type Fields, type Operators } from './paths-and-values';
import { toOperators } from './to-operators';

export type UpsertWrite = {
  /** The whole document, as an insert writes it. */
  inserted: Fields;
  /** The paths that the input and `pre('save')` middleware set: query middleware cannot override them. */
  lockedPaths: string[];
} & (
  | {
      kind: 'update';
      /** The operators for a document that exists, without `updatedAt` and the version key. */
      onUpdate: Operators;
      onChange: WrittenOnChange;
      timesBelow: TimeBelow[];
      /** True if `onConflict` is an update with operators. The query or castOperators() adds it later. */
      usesOperators: boolean;
      /** An aggregation expression that is true if the upsert inserts a document. */
      isInsert: object;
      /**
       * `operators` if no value depends on the stored document, `pipeline` if one does, `either` if only
       * `updatedAt` does.
       */
      form: 'operators' | 'pipeline' | 'either';
    }
  | { kind: 'skip' }
  | {
      kind: 'replace';
      /** The new content of a document that exists. Differs from `inserted` if middleware read `isNew`. */
      existing: Fields;
      /** The paths whose stored values are kept. */
      kept: string[];
      /** True for a nested object. A subdocument that the input does not have is removed as a whole. */
      isNested: IsNested;
      /** An aggregation expression that is true if the upsert inserts the document. */
      isInsert: object;
      onChange: WrittenOnChange;
    }
);

/** What is written in addition if any value changes. */
export interface WrittenOnChange {
  /** `updatedAt` and its value, of a schema that has it. */
  times: Fields;
  /** The version key, if the version is incremented. */
  version?: string;
}

/** The `updatedAt` of a subdocument that the input does not give. */
interface TimeBelow {
  path: string;
  /** It is written if a value at or below this path changes. */
  subdocument: string;
  value: unknown;
}

export type IsNested = (path: string) => boolean;

export function planWrite(
  model: AnyModel,
  rule: ConflictRule,
  { document: inserted, key, filter }: UpsertFilter & { document: Fields },
  onInsert: Changes,
  onUpdate: Changes,
  { updatedAt }: TimestampPaths,
): UpsertWrite {
  if (rule.kind === 'skip') return { kind: 'skip', inserted, lockedPaths: onInsert.paths };
  const schema = model.schema as AnySchema;
  const isOneRun = onUpdate === onInsert;
  const isSame = isOneRun ? () => true : sameBytesFor(model);
  const isNested = (path: string) => findPathType(schema, path) === undefined;
  const isLeft = rule.kind === 'except' && isBelowAny(rule.paths, String(updatedAt));
  const hasTimes = updatedAt !== undefined && !isLeft;
  const toWrittenOnChange = (operators: Operators, document: Fields): WrittenOnChange => {
    const times = hasTimes ? { [updatedAt]: document[updatedAt] } : {};
    const version = findRaisedVersion(schema, operators, Object.keys(times));
    return {
      times,
      ...(version !== undefined && { version }),
    };
  };
  if (rule.kind === 'replace') {
    const isInsert = toIsInsert(key, filter);
    const kept = [...keptPathsOf(schema)];
    // A kept path that is not stored is new. In the run for a document that exists it counts as stored, so that
    // middleware has not changed it, and setting the object around it may have removed it.
    const existing = isOneRun
      ? inserted
      : withShared(withValuesOf(onUpdate.document, inserted, kept), inserted, isSame);
    const onChange = toWrittenOnChange({ $set: existing }, existing);
    const lockedPaths = onInsert.paths;
    return { kind: 'replace', inserted, existing, lockedPaths, kept, isNested, isInsert, onChange };
  }
  const isOperators = rule.kind === 'operators';
  const paths = onUpdate.paths.filter((path) => path !== updatedAt);
  const isKept = toIsKept(schema, rule);
  const full = isOperators
    ? {}
    : toOperators({
        document: onUpdate.document,
        paths,
        additions: onUpdate.additions,
        isKept,
        pathsBelow: (path) => pathsBelow(schema, path),
        isNested,
      });
  const minimized = schema.options.minimize === false ? full : minimize(full);
  const isMinimized = minimized !== full;
  const operators =
    isOneRun || minimized.$set === undefined
      ? minimized
      : { ...minimized, $set: withShared(minimized.$set, inserted, isSame) };
  const onChange = toWrittenOnChange(operators, onUpdate.document);
  const timesBelow = [...onUpdate.times]
    .map(([path, subdocument]) => ({ path, subdocument, value: valueAt(onUpdate.document, path) }))
    .filter(
      ({ path, subdocument }) =>
        !isKept(path, true) && pathsOf(operators).some((one) => isAtOrBelow(one, subdocument)),
    );
  const isOther = isMinimized || isOtherOnInsert(operators, inserted, isSame);
  // Where null is stored above such a path, operators fail; a pipeline makes it an object.
  const isSplit = Object.keys(full.$set ?? {}).some((path) => !paths.includes(path));
  const dependsOnStored =
    isOther || isSplit || onChange.version !== undefined || timesBelow.length > 0;
  return {
    kind: 'update',
    inserted,
    lockedPaths: isOperators ? [] : onInsert.paths,
    onUpdate: operators,
    onChange,
    timesBelow,
    usesOperators: isOperators,
    isInsert: toIsInsert(key, filter),
    form: toForm(dependsOnStored, !isOperators && hasTimes),
  };
}

function toForm(dependsOnStored: boolean, hasTimes: boolean): 'operators' | 'pipeline' | 'either' {
  if (dependsOnStored) return 'pipeline';
  return hasTimes ? 'either' : 'operators';
}

/** A new document starts with the filter's equalities, so it has no `_id` unless `_id` is the target. */
function toIsInsert(key: Fields, filter: Fields): object {
  return '_id' in key
    ? { $lte: [{ $size: { $objectToArray: '$$ROOT' } }, Object.keys(filter).length] }
    : HAS_NO_ID;
}

const HAS_NO_ID = { $eq: [{ $type: '$_id' }, 'missing'] };

/**
 * The values, those that a new document has too as the same objects: then they are sent once. The two runs of
 * middleware have made objects of their own.
 */
function withShared(values: Fields, inserted: Fields, isSame: IsSameValue): Fields {
  const entries = Object.entries(values).map(([path, value]) => {
    const other = valueAt(inserted, path);
    return [path, isSame(value, other) ? other : value] as const;
  });
  return Object.fromEntries(entries);
}

/** True if the operators would store other values in a new document than `inserted` has. */
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
    Object.entries($push).some(isShorter) ||
    Object.entries($addToSet).some(isShorter)
  );
}

/** A parent of a listed path is written path by path, not as a whole. */
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
