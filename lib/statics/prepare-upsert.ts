/** From the caller's input to one upsert, ready to be sent. */
import type { ClientSession } from 'mongoose';
import { show, type AnyModel, type AnySchema } from '../options';
import { findGivenTarget } from '../schema/conflict-target';
import type { UniqueIndex } from '../schema/unique-index';
import { runSaveMiddleware, type SavableDocument } from './save-middleware';
import type { SaveOrUpsertOptions } from './upsert-options';
import type { PreparedUpsert } from './upsert-query';
import { splitUpdate } from './upsert-update';

/** Casts, validates and runs middleware as a save would; nothing is sent. */
export async function prepareUpsert(
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
