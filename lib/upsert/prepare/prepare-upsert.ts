/** Prepares one input: casts, validates, runs `pre('save')` middleware, plans the write. Sends nothing. */
import {
  forgetErrors,
  listReached,
  setOnce,
  setTimestamps,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../../mongoose-internals';
import { resolveOptions } from '../../options/plugin-options';
import { show } from '../../options/show';
import { findGivenTarget, findNamedTarget } from '../../schema/conflict-target';
import {
  currentTimeOf,
  keptPathsOf,
  timestampPaths,
  type TimestampPaths,
} from '../../schema/kept-paths';
import { isRelated } from '../../schema/path';
import type { UniqueIndex } from '../../schema/unique-index';
import { listGivenPaths } from '../../write/given-paths';
import {
  checkConflictRule,
  checkTargetStays,
  findConflictRule,
  type ConflictRule,
} from '../on-conflict';
import {
  hasErrorMiddleware,
  hasPostSave,
  toSaveError,
  type MiddlewareDocuments,
} from '../post-save';
import { checkInput, skipsMiddleware, type UpsertOptions } from '../upsert-options';
import { findCastScalars, type CastScalars } from './cast-scalars';
import {
  findChanges,
  isBelowAny,
  takeSnapshot,
  toChanges,
  type Changes,
  type Snapshot,
} from './find-changes';
import { hasMiddleware, isPlainModel, runSaveMiddleware } from './run-middleware';
import { watchIsNew } from './watch-is-new';
import { toUpsertFilter, type UpsertFilter } from './to-filter';
import { isPlainObject, outermost, valueAt, withValueAt, type Fields } from './paths-and-values';
import { checkShardKeyStays } from './check-shard-key';
import { planWrite, type UpsertWrite } from './plan-write';

/** What is the same for every input of one call. */
export interface UpsertCall {
  model: AnyModel;
  options: UpsertOptions;
  named: UniqueIndex | undefined;
  rule: ConflictRule;
  /** Does nothing of the user's run while an input is prepared, setters and defaults aside? */
  isPlain: boolean;
  /** May middleware run after the write? Otherwise no document is kept: they take most of the memory. */
  keepsDocuments: boolean;
  castScalars: CastScalars | undefined;
}

export interface PreparedUpsert extends UpsertFilter {
  /** The discriminator that the input is of, else the model that was called. */
  model: AnyModel;
  target: UniqueIndex;
  write: UpsertWrite;
  /** The error of the missing required paths: then the upsert may update a document, not insert one. */
  updateOnlyError: { error: unknown } | undefined;
  /** The documents that middleware saw; undefined if none runs after the write. */
  middlewareDocuments: MiddlewareDocuments | undefined;
  /** True if `post('save')` middleware runs after the write. */
  runsPostSave: boolean;
}

/** @throws TypeError for a conflict target, or a path in `onConflict`, that the model does not have */
export function startUpsertCall(model: AnyModel, options: UpsertOptions): UpsertCall {
  const conflictTarget = options.conflictTarget ?? resolveOptions(model.schema).conflictTarget;
  const named = conflictTarget === undefined ? undefined : findNamedTarget(model, conflictTarget);
  // Never undefined: the check of the options has rejected invalid values.
  const rule = findConflictRule(options.onConflict) as ConflictRule;
  checkConflictRule(model, rule);
  const isPlain = isPlainModel(model);
  const keepsDocuments = [model, ...Object.values(model.discriminators ?? {})].some(
    (one) => hasPostSave(one, options) || hasErrorMiddleware(one, options),
  );
  const isDocumentNeeded = !isPlain || keepsDocuments || options.timestamps === false;
  const castScalars = isDocumentNeeded ? undefined : findCastScalars(model);
  return { model, options, named, rule, isPlain, keepsDocuments, castScalars };
}

interface Outcome extends Changes {
  updateOnlyError: PreparedUpsert['updateOnlyError'];
}

/** Casts, validates and runs middleware as a save would; nothing is sent. */
export async function prepareUpsert(call: UpsertCall, input: unknown): Promise<PreparedUpsert> {
  checkInput(input, call.model);
  const { model, castScalars } = call;
  const scalars = castScalars?.(input);
  if (scalars === undefined) return prepareDocument(call, input);
  const paths = Object.keys(input);
  const onInsert = { document: scalars, paths, ...NO_CHANGES };
  const located = locate(call, model, paths, onInsert);
  const timestamps = timestampPaths(model.schema as AnySchema);
  const write = planWrite(model, call.rule, located, onInsert, onInsert, timestamps);
  const { target, key, filter } = located;
  return { model, target, key, filter, write, ...NOTHING_RUNS };
}

const NO_CHANGES: Pick<Changes, 'additions' | 'times'> = { additions: new Map(), times: new Map() };

const NOTHING_RUNS = {
  updateOnlyError: undefined,
  middlewareDocuments: undefined,
  runsPostSave: false,
};

async function prepareDocument(call: UpsertCall, input: object): Promise<PreparedUpsert> {
  const { options, rule, isPlain } = call;
  // Mongoose keeps the objects of a Mixed path themselves, and middleware may change them.
  const copy = isPlain ? input : (copyOf(input) as object);
  const inserted = new call.model(input) as unknown as AnyDocument;
  const model = inserted.constructor;
  refuseDottedPaths(model.schema, input);
  const given = listGivenPaths(inserted);
  const { session, timestamps: setsTimestamps = true } = options;
  const timestamps = startTimestamps(model.schema, inserted, given, setsTimestamps);
  const isSaveMiddlewareRun = !skipsMiddleware(options, 'pre');
  const saveOptions = {
    ...(session && { session }),
    ...(!setsTimestamps && { timestamps: false }),
  };
  const mayChange = !isPlain && hasMiddleware(model);
  const run = async (document: AnyDocument, before: Snapshot | undefined): Promise<Outcome> => {
    try {
      return await runAll(document, before);
    } catch (error) {
      throw await toSaveError(document, options, error);
    }
  };
  const runAll = async (document: AnyDocument, before: Snapshot | undefined): Promise<Outcome> => {
    if (session !== undefined) document.$session(session);
    const updateOnlyError = await validate(document, options.validateModifiedOnly ?? false);
    if (before === undefined) return { ...toChanges(document, given), updateOnlyError };
    if (isSaveMiddlewareRun) {
      await runSaveMiddleware(document, saveOptions);
    }
    return { ...findChanges(model, document, before, given), updateOnlyError };
  };

  const pristine = mayChange ? takeSnapshot(model, inserted) : undefined;
  const watch = isPlain ? NOBODY_ASKS : watchIsNew(inserted);
  let onInsert: Outcome;
  let readIsNew: boolean;
  try {
    onInsert = await run(inserted, pristine);
  } finally {
    readIsNew = watch.stop();
  }
  const located = locate(call, model, given, onInsert);
  // Values that middleware set because `isNew` was true must not be written to a document that exists, so
  // middleware runs once more with `isNew` false.
  let existing = inserted;
  let onUpdate = onInsert;
  if (readIsNew && rule.kind !== 'skip') {
    existing = asExisting(
      inserted,
      (pristine ?? takeSnapshot(model, inserted)).values,
      given,
      copy,
      timestamps,
    );
    onUpdate = await run(existing, mayChange ? takeSnapshot(model, existing) : undefined);
  }
  if (onUpdate !== onInsert) checkShardKeyStays(model, located.key, onUpdate.document);
  const { target, key, filter } = located;
  const { updateOnlyError } = onInsert;
  return {
    model,
    target,
    key,
    filter,
    write: planWrite(model, rule, located, onInsert, onUpdate, timestamps),
    updateOnlyError,
    middlewareDocuments: call.keepsDocuments ? { inserted, existing } : undefined,
    runsPostSave: call.keepsDocuments && hasPostSave(model, options),
  };
}

/** The conflict target of an input, the filter for it, and the document with its version. */
function locate(
  { named, rule }: UpsertCall,
  model: AnyModel,
  given: string[],
  onInsert: Changes,
): UpsertFilter & { target: UniqueIndex; document: Fields } {
  const document = withVersionKey(model.schema, onInsert.document);
  const target =
    named ??
    findGivenTarget(model, (path) => isBelowAny(given, path) && valueAt(document, path) != null);
  if (rule.kind === 'operators') checkTargetStays(target, rule.operators);
  const written = [...given, ...onInsert.paths];
  const found = toUpsertFilter(model, target, document, written, rule.kind === 'replace');
  return { ...found, target, document };
}

const NOBODY_ASKS = { stop: () => false };

/** With `modifiedOnly`, returns the error if only paths that the input does not give are invalid. */
async function validate(
  document: AnyDocument,
  modifiedOnly: boolean,
): Promise<PreparedUpsert['updateOnlyError']> {
  try {
    await document.$validate();
    return undefined;
  } catch (error) {
    const { errors } = error as { errors?: Record<string, { name: string }> };
    // A path whose value could not be cast was given, although it does not count as modified.
    const isLack = ([path, { name }]: [string, { name: string }]) =>
      name !== 'CastError' && !document.isModified(path);
    if (modifiedOnly && errors && Object.entries(errors).every(isLack)) return { error };
    throw error;
  }
}

function withVersionKey(schema: AnySchema, document: Fields): Fields {
  const { versionKey } = schema.options;
  return typeof versionKey === 'string' ? { [versionKey]: 0, ...document } : document;
}

/** Throws a TypeError for a dotted path: it would write different values on insert and on update. */
function refuseDottedPaths(schema: AnySchema, input: object): void {
  const dotted = Object.keys(input).find(
    (key) => key.includes('.') && !Object.hasOwn(schema.paths, key),
  );
  if (dotted === undefined) return;
  throw new TypeError(
    `saveOrUpsert: the input has the path ${show(dotted)}; write the whole value instead, ` +
      `as in { ${dotted.slice(0, dotted.indexOf('.'))}: … }.`,
  );
}

/**
 * The document as if it had been loaded and the input had been set on it. Paths that are not given count
 * as stored. New subdocuments are new and their given paths are modified, as in `save()`.
 */
function asExisting(
  { constructor: model }: AnyDocument,
  pristine: Fields,
  given: string[],
  input: object,
  { updatedAt }: TimestampPaths,
): AnyDocument {
  const kept = keptPathsOf(model.schema);
  const others = withoutGiven(pristine, '', given, kept);
  // Otherwise they would have their defaults, and a subdocument that equals its default would not be new.
  const stored = outermost(Object.keys(model.schema.paths))
    .filter((path) => isBelowAny(given, path) && !kept.has(path))
    .filter((path) => valueAt(others, path) === undefined)
    .reduce((all, path) => withValueAt(all, path, null), others);
  const existing = model.hydrate(stored) as unknown as AnyDocument;
  existing.set(withoutKept(model.translateAliases(input) as object, '', kept));
  if (updatedAt !== undefined) existing.set(updatedAt, pristine[updatedAt]);
  // The run for a new document has reported those of the input.
  forgetErrors(existing);
  for (const path of given) if (!kept.has(path)) existing.markModified(path);
  return existing;
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, copyOf(one)]));
}

/** Removes kept paths: setting an immutable path throws if the schema's `strict` is `'throw'`. */
function withoutKept(value: object, prefix: string, kept: Set<string>): Fields {
  const entries = Object.entries(value as Fields).filter(([name]) => !kept.has(prefix + name));
  return Object.fromEntries(
    entries.map(([name, child]) => [
      name,
      isPlainObject(child) ? withoutKept(child, `${prefix}${name}.`, kept) : child,
    ]),
  );
}

function withoutGiven(value: Fields, prefix: string, given: string[], kept: Set<string>): Fields {
  const entries = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
    const path = prefix + name;
    if (kept.has(path) || !given.some((one) => isRelated(path, one))) return [[name, child]];
    const below = isPlainObject(child) ? withoutGiven(child, `${path}.`, given, kept) : {};
    return Object.keys(below).length > 0 ? [[name, below]] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * Sets the timestamps as `save()` does: `createdAt` unless it is given, `updatedAt` always. The timestamps
 * of subdocuments are set even if `isWanted` is false, as in `save({ timestamps: false })`.
 */
function startTimestamps(
  schema: AnySchema,
  document: AnyDocument,
  given: string[],
  isWanted: boolean,
): TimestampPaths {
  const paths = timestampPaths(schema);
  const { updatedAt } = paths;
  if (isWanted && updatedAt !== undefined && given.includes(updatedAt)) {
    document.set(updatedAt, undefined);
  }
  const reached = listReached(document);
  for (const one of reached) setMissingTimestamps(one);
  setTimestamps(reached, Boolean(schema.options.timestamps));
  if (isWanted) return paths;
  for (const path of Object.values(paths) as string[]) {
    if (!given.includes(path)) document.set(path, undefined);
  }
  return {};
}

/**
 * Mongoose leaves out those of a base where a discriminator's own subdocuments have timestamps, and cannot set
 * `createdAt` of a subdocument inside a default element.
 */
function setMissingTimestamps(document: AnyDocument): void {
  const { schema } = document.constructor;
  const isUnset = (path: string) => document.get(path, null, { getters: false }) === undefined;
  const unset = Object.values(timestampPaths(schema) as Record<string, string>).filter(isUnset);
  if (unset.length === 0) return;
  const now = currentTimeOf(document.constructor);
  for (const path of unset) setOnce(document, path, now);
}
