/** From the caller's input to one upsert, ready to be sent. */
import {
  setTimestamps,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../mongoose-internals';
import { resolveOptions } from '../options/plugin-options';
import { show } from '../options/show';
import { findGivenTarget, findNamedTarget } from '../schema/conflict-target';
import { keptPathsOf, pathsBelow, timestampPaths, type TimestampPaths } from '../schema/kept-paths';
import { findPathType, isAtOrBelow } from '../schema/path';
import type { UniqueIndex } from '../schema/unique-index';
import { listGivenPaths } from '../write/given-paths';
import { checkTargetStays, checkUpdateOption } from './check-update';
import {
  findChanges,
  isBelowAny,
  takeSnapshot,
  toChanges,
  type Changes,
  type Snapshot,
} from './find-changes';
import { hasMiddleware, runSaveMiddleware, watchIsNew } from './run-middleware';
import { toUpsertFilter, type UpsertFilter } from './to-filter';
import { toOperators, valueAt, type Fields } from './to-operators';
import type { UpsertWrite } from './to-sent-update';
import { checkInput, findUpdateRule, type UpdateRule, type UpsertOptions } from './upsert-options';

/** What is the same for every input of one call. */
export interface UpsertCall {
  model: AnyModel;
  options: UpsertOptions;
  named: UniqueIndex | undefined;
  update: UpdateRule;
}

export interface PreparedUpsert extends UpsertFilter {
  /** The discriminator that the input is of, else the model that was called. */
  model: AnyModel;
  target: UniqueIndex;
  write: UpsertWrite;
  /** Why the input makes no new document; then one that is there may be updated, and that is all. */
  lack: { error: unknown } | undefined;
}

/** @throws TypeError for a target or an update that the model does not have */
export function startUpsertCall(model: AnyModel, options: UpsertOptions): UpsertCall {
  const conflictTarget = options.conflictTarget ?? resolveOptions(model.schema).conflictTarget;
  const named = conflictTarget === undefined ? undefined : findNamedTarget(model, conflictTarget);
  // The options were checked by it.
  const update = findUpdateRule(options.update) as UpdateRule;
  checkUpdateOption(model, update);
  return { model, options, named, update };
}

interface Outcome extends Changes {
  lack: PreparedUpsert['lack'];
}

/** Casts, validates and runs middleware as a save would; nothing is sent. */
export async function prepareUpsert(call: UpsertCall, input: unknown): Promise<PreparedUpsert> {
  checkInput(input);
  const { options, named, update } = call;
  const inserted = new call.model(input) as unknown as AnyDocument;
  const model = inserted.constructor;
  refuseDottedPaths(model.schema, input);
  const given = listGivenPaths(inserted);
  const timestamps = startTimestamps(model.schema, inserted, given);
  const mayChange = hasMiddleware(model.schema as never);
  const run = async (document: AnyDocument, before: Snapshot | undefined): Promise<Outcome> => {
    const { session } = options;
    if (session !== undefined) document.$session(session);
    const lack = await validate(document, options.validateModifiedOnly ?? false);
    if (before === undefined) return { ...toChanges(document, given), lack };
    if (options.saveMiddleware !== 'skip') {
      await runSaveMiddleware(document, { ...(session && { session }) });
    }
    return { ...findChanges(model, document, before, given), lack };
  };

  const pristine = mayChange ? takeSnapshot(model, inserted) : undefined;
  const watch = watchIsNew(inserted);
  let onInsert: Outcome;
  let readIsNew: boolean;
  try {
    onInsert = await run(inserted, pristine);
  } finally {
    readIsNew = watch.stop();
  }
  const document = withVersionKey(model.schema, onInsert.document);
  const target =
    named ??
    findGivenTarget(model, (path) => isBelowAny(given, path) && valueAt(document, path) != null);
  if (update.kind === 'operators') checkTargetStays(target, update.operators);
  const written = [...given, ...onInsert.paths];
  const found = toUpsertFilter(model, target, document, written, options.onConflict);
  // What it did for a new document must not be written to one that exists, so it runs for both.
  const isWritten = options.onConflict !== 'skip' && update.kind !== 'operators';
  let onUpdate = onInsert;
  if (readIsNew && isWritten) {
    const existing = asExisting(model, pristine ?? takeSnapshot(model, inserted), given);
    onUpdate = await run(existing, mayChange ? takeSnapshot(model, existing) : undefined);
  }
  const write = toWrite(model.schema, call, document, onInsert, onUpdate, timestamps, found);
  return { model, target, ...found, write, lack: onInsert.lack };
}

/** Undefined, or what is missing of a new document, where that may be. */
async function validate(
  document: AnyDocument,
  modifiedOnly: boolean,
): Promise<PreparedUpsert['lack']> {
  try {
    await document.$validate();
    return undefined;
  } catch (error) {
    const { errors } = error as { errors?: Record<string, { name: string }> };
    // What could not be cast was given, though it never became a value of the document.
    const isLack = ([path, { name }]: [string, { name: string }]) =>
      name !== 'CastError' && !document.isModified(path);
    if (modifiedOnly && errors && Object.entries(errors).every(isLack)) return { error };
    throw error;
  }
}

function toWrite(
  schema: AnySchema,
  { options: { onConflict }, update }: UpsertCall,
  inserted: Fields,
  onInsert: Changes,
  onUpdate: Changes,
  { updatedAt }: TimestampPaths,
  { key, filter }: UpsertFilter,
): UpsertWrite {
  if (onConflict === 'skip') return { kind: 'skip', inserted, given: onInsert.paths };
  if (onConflict === 'replace') {
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
  const isOperators = update.kind === 'operators';
  const paths = isOperators ? touched : [...new Set([...onUpdate.paths, ...touched])];
  const always = toOperators({
    document: onUpdate.document,
    paths,
    additions: onUpdate.additions,
    isKept: toIsKept(schema, update, touched),
    pathsBelow: (path) => pathsBelow(schema, path),
  });
  return { kind: 'update', inserted, given: isOperators ? [] : onInsert.paths, always };
}

/** A path above a listed one is not kept as a whole: it is written path by path. */
function toIsKept(
  schema: AnySchema,
  update: UpdateRule,
  touched: string[],
): (path: string, isWhole: boolean) => boolean {
  const kept = keptPathsOf(schema);
  const isAboveAny = (paths: readonly string[], path: string) =>
    paths.some((one) => isAtOrBelow(one, path));
  if (update.kind === 'list') {
    const listed = [...update.paths, ...touched];
    return (path, isWhole) =>
      kept.has(path) || !(isBelowAny(listed, path) || (!isWhole && isAboveAny(listed, path)));
  }
  if (update.kind === 'except') {
    const { paths } = update;
    return (path, isWhole) =>
      kept.has(path) || isBelowAny(paths, path) || (isWhole && isAboveAny(paths, path));
  }
  return (path) => kept.has(path);
}

function withVersionKey(schema: AnySchema, document: Fields): Fields {
  const { versionKey } = schema.options;
  return typeof versionKey === 'string' ? { [versionKey]: 0, ...document } : document;
}

/** A path into a subdocument, an array or a Map would be a different write on insert and on update. */
function refuseDottedPaths(schema: AnySchema, input: object): void {
  const dotted = Object.keys(input).find(
    (key) => key.includes('.') && !Object.hasOwn(schema.paths, key),
  );
  if (dotted === undefined) return;
  throw new TypeError(
    `saveOrUpsert: the input has the path ${show(dotted)}; give the value that it leads into as a whole, ` +
      `as in { ${dotted.slice(0, dotted.indexOf('.'))}: … }.`,
  );
}

/** The same values as of a document that was loaded; no setter and no default runs once more. */
function asExisting(model: AnyModel, pristine: Snapshot, given: string[]): AnyDocument {
  const existing = model.hydrate(pristine) as unknown as AnyDocument;
  for (const path of given) existing.markModified(path);
  return existing;
}

/** Both as save() sets them: `createdAt` unless it is given, `updatedAt` always. */
function startTimestamps(
  schema: AnySchema,
  document: AnyDocument,
  given: string[],
): TimestampPaths {
  const paths = timestampPaths(schema);
  const { updatedAt } = paths;
  if (updatedAt !== undefined && given.includes(updatedAt)) document.set(updatedAt, undefined);
  setTimestamps(document, Boolean(schema.options.timestamps));
  return paths;
}
