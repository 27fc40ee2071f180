import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSession } from 'mongoose';
import { isUniqueValidationError } from '../error/validation-error';
import { show, type AnyModel, type AnySchema } from '../options';
import { findGivenTarget, findNamedTarget, type ConflictTarget } from '../schema/conflict-target';
import type { UniqueIndex } from '../schema/unique-index';
import { runSaveMiddleware, type SavableDocument } from './save-middleware';
import { sendUpsert, type PreparedUpsert } from './upsert-query';
import { splitUpdate } from './upsert-update';

/** Options of `Model.saveOrUpsert(input, options)`. */
export interface SaveOrUpsertOptions {
  /**
   * The unique index that says whether the document is there: a path, a list of paths in any order,
   * or an index name. Default: the only unique index, `_id` aside, whose paths are all in the input.
   */
  conflictTarget?: ConflictTarget;
  /** The session of the write. In a transaction there is one try alone. Default: none. */
  session?: ClientSession | null;
  /**
   * A plain object instead of a hydrated document; with `{ virtuals: true }` it has the virtuals that
   * mongoose-lean-virtuals adds, where the schema has that plugin. Default: `false`.
   */
  lean?: boolean | { virtuals?: boolean | string[] };
  /** `'skip'`: the schema's `pre('save')` middleware does not run. Default: `'run'`. */
  saveMiddleware?: 'run' | 'skip';
}

const OPTIONS = ['conflictTarget', 'session', 'lean', 'saveMiddleware'];

/** Tries after the first, when another write took the key in between. */
const MAX_RETRIES = 5;
/** The first wait at the most, in milliseconds; it doubles with each try. */
const FIRST_WAIT = 5;

/** See {@link UniqueGuardStatics.saveOrUpsert}. */
export async function saveOrUpsert(
  this: AnyModel,
  input: unknown,
  options: SaveOrUpsertOptions = {},
): Promise<{ doc: unknown; created: boolean }> {
  checkArguments(input, options);
  const { conflictTarget, session, lean } = options;
  const named = conflictTarget === undefined ? undefined : findNamedTarget(this, conflictTarget);
  const { upsert, target } = await prepare(this, input as object, named, options);
  // A transaction is over with its first error: to run again or to read in it would fail as well.
  const retries = isInTransaction(this, session) ? 0 : MAX_RETRIES;
  for (let retry = 0; ; retry += 1) {
    try {
      return await sendUpsert(this, upsert, { session, lean });
    } catch (error) {
      if (retry >= retries || !isOn(target, error)) throw error;
      await sleep(Math.random() * FIRST_WAIT * 2 ** retry);
    }
  }
}

/** Casts, validates and runs middleware as a save would; nothing is sent. */
async function prepare(
  model: AnyModel,
  input: object,
  named: UniqueIndex | undefined,
  { session, saveMiddleware }: SaveOrUpsertOptions,
): Promise<{ upsert: PreparedUpsert; target: UniqueIndex }> {
  const inserted = makeDocument(model, input, session);
  await inserted.$validate();
  const target =
    named ??
    findGivenTarget(model, (path) => inserted.get(path) != null && !inserted.$isDefault(path));
  inserted.initializeTimestamps?.();

  let updated = inserted;
  if (saveMiddleware !== 'skip') {
    const saveOptions = { ...(session && { session }) };
    const { readIsNew } = await runSaveMiddleware(model, inserted, saveOptions);
    // What it did for a new document must not be written to one that exists, so it runs for both.
    if (readIsNew) updated = await runAsExisting(model, input, inserted, saveOptions);
  }
  const asInserted = inserted.toBSON();
  const { versionKey } = model.schema.options;
  if (typeof versionKey === 'string') asInserted[versionKey] ??= 0;
  const filter = toFilter(model, target, inserted);
  const update = splitUpdate({
    inserted: asInserted,
    updated: updated.toBSON(),
    modifiedPaths: updated.directModifiedPaths(),
    isInsertOnly: insertOnlyPaths(model.schema, inserted),
  });
  const { collation } = target;
  return { upsert: { filter, update, ...(collation && { collation }) }, target };
}

function makeDocument(
  model: AnyModel,
  input: object,
  session: ClientSession | null | undefined,
  options?: object,
): SavableDocument {
  const document = new model(input, undefined, options) as unknown as SavableDocument;
  if (session !== undefined) document.$session(session);
  return document;
}

async function runAsExisting(
  model: AnyModel,
  input: object,
  inserted: SavableDocument,
  saveOptions: { session?: ClientSession },
): Promise<SavableDocument> {
  const existing = makeDocument(model, input, saveOptions.session, { defaults: false });
  existing.$isNew = false;
  const { updatedAt } = timestampPaths(model.schema);
  if (updatedAt !== undefined) existing.set(updatedAt, inserted.get(updatedAt));
  await runSaveMiddleware(model, existing, saveOptions);
  return existing;
}

/** Equality on the target's paths and nothing else: the server then settles a race by itself. */
function toFilter(model: AnyModel, target: UniqueIndex, document: SavableDocument) {
  const written = document.toBSON();
  const entries = Object.keys(target.keyPattern).map((path) => {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], written);
    if (value === undefined || value === null) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${String(value)} in the ` +
          'input; it needs a value that tells the document. Use create() for one without.',
      );
    }
    if (isOperatorObject(value)) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${show(value)}; ` +
          'it must be a value, not an object of operators.',
      );
    }
    return [path, { $eq: value }] as const;
  });
  return Object.fromEntries(entries);
}

function isOperatorObject(value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null && !('_bsontype' in value);
  return isObject && Object.keys(value).some((key) => key.startsWith('$'));
}

function insertOnlyPaths(schema: AnySchema, document: SavableDocument): (path: string) => boolean {
  const { versionKey, discriminatorKey } = schema.options;
  const { createdAt } = timestampPaths(schema);
  const always = new Set<unknown>(['_id', versionKey, discriminatorKey, createdAt]);
  return (path) => {
    if (always.has(path)) return true;
    const immutable: unknown = schema.paths[path]?.options['immutable'];
    return typeof immutable === 'function'
      ? Boolean(immutable.call(document, document))
      : Boolean(immutable);
  };
}

function timestampPaths(schema: AnySchema): { createdAt?: string; updatedAt?: string } {
  const { timestamps } = schema.options;
  if (!timestamps) return {};
  const names = timestamps === true ? {} : timestamps;
  const pathOf = (name: 'createdAt' | 'updatedAt') => {
    const given = names[name] ?? true;
    return given === false ? {} : { [name]: given === true ? name : given };
  };
  return { ...pathOf('createdAt'), ...pathOf('updatedAt') };
}

function isInTransaction(model: AnyModel, session: ClientSession | null | undefined): boolean {
  const { transactionAsyncLocalStorage } = model.db.base as unknown as {
    transactionAsyncLocalStorage?: { getStore(): { session?: ClientSession } | undefined };
  };
  const used = session === undefined ? transactionAsyncLocalStorage?.getStore()?.session : session;
  return used?.inTransaction() ?? false;
}

function isOn(target: UniqueIndex, error: unknown): boolean {
  if (!isUniqueValidationError(error)) return false;
  const violated = Object.values(error.errors)[0]?.properties.keyPattern ?? {};
  return Object.keys(violated).join() === Object.keys(target.keyPattern).join();
}

function checkArguments(input: unknown, options: unknown): void {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!isObject || '$__' in input) {
    const given = isObject ? 'a Mongoose document' : show(input);
    throw new TypeError(
      `saveOrUpsert: the input is ${given}; it must be a plain object, such as document.toObject().`,
    );
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`saveOrUpsert: options is ${show(options)}; it must be an object.`);
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `saveOrUpsert: there is no option ${show(unknown)}; allowed are ${OPTIONS.join(', ')}.`,
    );
  }
  const { conflictTarget, saveMiddleware } = options as SaveOrUpsertOptions;
  if (conflictTarget !== undefined && !isConflictTarget(conflictTarget)) {
    throw new TypeError(
      `saveOrUpsert: conflictTarget is ${show(conflictTarget)}; it must be a path, a list of paths or ` +
        'the name of a unique index.',
    );
  }
  if (saveMiddleware !== undefined && !['run', 'skip'].includes(saveMiddleware)) {
    throw new TypeError(
      `saveOrUpsert: saveMiddleware is ${show(saveMiddleware)}; it must be "run" or "skip".`,
    );
  }
}

function isConflictTarget(value: unknown): boolean {
  const isPath = (one: unknown): boolean => typeof one === 'string' && one !== '';
  return isPath(value) || (Array.isArray(value) && value.length > 0 && value.every(isPath));
}
