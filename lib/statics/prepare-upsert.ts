/** From the caller's input to one upsert, ready to be sent. */
import { show, type AnyModel, type AnySchema } from '../options';
import { findGivenTarget } from '../schema/conflict-target';
import { findPathType } from '../schema/path';
import type { UniqueIndex } from '../schema/unique-index';
import { runSaveMiddleware, watchIsNew, type SavableDocument } from './save-middleware';
import {
  findChanges,
  isBelowAny,
  takeSnapshot,
  toGivenPaths,
  type Changes,
  type Snapshot,
} from './upsert-changes';
import type { SaveOrUpsertOptions } from './upsert-options';
import type { PreparedUpsert } from './upsert-query';
import { splitUpdate, valueAt } from './upsert-update';

interface Preparation {
  /** The discriminator that the input is of, else the model that was called. */
  model: AnyModel;
  target: UniqueIndex;
  upsert: PreparedUpsert;
}

/** Casts, validates and runs middleware as a save would; nothing is sent. */
export async function prepareUpsert(
  calledModel: AnyModel,
  input: object,
  named: UniqueIndex | undefined,
  { session, saveMiddleware }: SaveOrUpsertOptions,
): Promise<Preparation> {
  const inserted = new calledModel(input) as unknown as SavableDocument;
  const model = inserted.constructor;
  refuseDottedPaths(model.schema, input);
  const given = toGivenPaths(inserted);
  const { updatedAt } = setTimestamps(model.schema, inserted);
  const run = async (document: SavableDocument, before: Snapshot): Promise<Changes> => {
    if (session !== undefined) document.$session(session);
    await document.$validate();
    if (saveMiddleware !== 'skip') {
      await runSaveMiddleware(document, { ...(session && { session }) });
    }
    return findChanges(model, document, before, given);
  };

  const pristine = takeSnapshot(model, inserted);
  const watch = watchIsNew(inserted);
  let changes: Changes;
  let readIsNew: boolean;
  try {
    changes = await run(inserted, pristine);
  } finally {
    readIsNew = watch.stop();
  }
  const target =
    named ??
    findGivenTarget(model, (path) => isBelowAny(given, path) && valueAt(pristine, path) != null);
  const filter = toFilter(model, target, inserted, [...given, ...changes.paths]);
  // What it did for a new document must not be written to one that exists, so it runs for both.
  if (readIsNew) {
    const existing = asExisting(model, pristine, given);
    changes = await run(existing, takeSnapshot(model, existing));
  }

  const asInserted = inserted.toBSON();
  const { versionKey } = model.schema.options;
  if (typeof versionKey === 'string') asInserted[versionKey] ??= 0;
  const update = splitUpdate({
    inserted: asInserted,
    updated: changes.document,
    paths: updatedAt === undefined ? changes.paths : [...new Set([...changes.paths, updatedAt])],
    additions: changes.additions,
    isInsertOnly: insertOnlyPaths(model.schema),
    pathsBelow: (path) => pathsBelow(model.schema, path),
  });
  const { collation } = target;
  return { model, target, upsert: { filter, update, ...(collation && { collation }) } };
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
function asExisting(model: AnyModel, pristine: Snapshot, given: string[]): SavableDocument {
  const existing = model.hydrate(pristine) as unknown as SavableDocument;
  for (const path of given) existing.markModified(path);
  return existing;
}

/** Both as save() sets them: `createdAt` unless it is given, `updatedAt` always. */
function setTimestamps(schema: AnySchema, document: SavableDocument): TimestampPaths {
  const paths = timestampPaths(schema);
  const isGiven =
    paths.updatedAt !== undefined && document.directModifiedPaths().includes(paths.updatedAt);
  if (isGiven) document.set(paths.updatedAt ?? '', undefined);
  document.initializeTimestamps?.();
  return paths;
}

/** Equality on the target's paths and nothing else: the server then settles a race by itself. */
function toFilter(
  model: AnyModel,
  target: UniqueIndex,
  document: SavableDocument,
  written: string[],
) {
  const values = document.toBSON();
  const entries = Object.keys(target.keyPattern).map((path) => {
    // A default is no key: it would find the document of somebody who gave none either.
    const value = isBelowAny(written, path) ? valueAt(values, path) : undefined;
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

function insertOnlyPaths(schema: AnySchema): (path: string) => boolean {
  const { versionKey, discriminatorKey } = schema.options;
  const always = new Set<unknown>([
    '_id',
    versionKey,
    discriminatorKey,
    timestampPaths(schema).createdAt,
  ]);
  return (path) => {
    if (always.has(path)) return true;
    const type = findPathType(schema, path);
    // A function would have to be asked about the stored document, which nobody has read.
    return Boolean(type?.options?.immutable) && !isTimestampOfSubdocument(schema, path);
  };
}

/** A subdocument is written as a whole, with a `createdAt` of its own, or it would have none. */
function isTimestampOfSubdocument(schema: AnySchema, path: string): boolean {
  const end = path.lastIndexOf('.');
  const parent = findPathType(schema, path.slice(0, end));
  return (
    parent?.schema !== undefined && timestampPaths(parent.schema).createdAt === path.slice(end + 1)
  );
}

/** The paths right below a nested object or a subdocument. */
function pathsBelow(schema: AnySchema, path: string): string[] {
  const type = findPathType(schema, path);
  if (type?.schema && type.instance !== 'Array') {
    return Object.keys(type.schema.paths).map((child) => `${path}.${child}`);
  }
  return Object.keys(schema.paths).filter((other) => other.startsWith(`${path}.`));
}

interface TimestampPaths {
  createdAt?: string;
  updatedAt?: string;
}

function timestampPaths(schema: AnySchema): TimestampPaths {
  const { timestamps } = schema.options;
  if (!timestamps) return {};
  const names = timestamps === true ? {} : timestamps;
  const pathOf = (name: 'createdAt' | 'updatedAt') => {
    const given = names[name] ?? true;
    return given === false ? {} : { [name]: given === true ? name : given };
  };
  return { ...pathOf('createdAt'), ...pathOf('updatedAt') };
}
