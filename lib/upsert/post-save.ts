/** Runs `post('save')` middleware after a write, and error middleware after a failed call. */
import {
  findEmbeddedSchemas,
  findMiddleware,
  isBuiltIn,
  isErrorHandler,
  isOfPlugin,
  listSubdocuments,
  requirePostSave,
  runPostSave,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
  type Hook,
} from '../mongoose-internals';
import { skipsMiddleware, type UpsertOptions } from './upsert-options';

/**
 * True if the schema has `post('save')` middleware that this call runs after a write.
 *
 * @throws Error if it has, and this version of Mongoose has no way to run it
 */
export function hasPostSave(model: AnyModel, options: UpsertOptions): boolean {
  if (skipsMiddleware(options, 'post')) return false;
  const schema = model.schema as AnySchema;
  const embedded = findEmbeddedSchemas(schema);
  const hasOwn = (one: AnySchema) =>
    findMiddleware(one, 'post', 'save')?.some(
      (hook) => !isErrorHandler(hook) && !isBuiltIn(model, hook),
    ) ?? true;
  const isRun = embedded === undefined || [schema, ...embedded].some(hasOwn);
  if (isRun) requirePostSave(schema);
  return isRun;
}

/** May middleware other than the plugin's replace what a call rejects with? */
export function hasErrorMiddleware(model: AnyModel, options: UpsertOptions): boolean {
  if (skipsMiddleware(options, 'post')) return false;
  const list = findMiddleware(model.schema as AnySchema, 'post', 'save');
  const isOther = (hook: Hook) => !isOfPlugin(hook) && !isBuiltIn(model, hook);
  // Without a list there may be some.
  return list?.some((hook) => isErrorHandler(hook) && isOther(hook)) !== false;
}

/** The documents that `pre('save')` middleware saw. */
export interface MiddlewareDocuments {
  inserted: AnyDocument;
  /** The same document, unless middleware read `isNew`: then middleware also ran with `isNew` false. */
  existing: AnyDocument;
}

/** @throws what the middleware throws; the document is already stored then */
export async function runPostSaveMiddleware(
  written: AnyDocument,
  { inserted, existing }: MiddlewareDocuments,
  created: boolean,
): Promise<void> {
  carryLocals(created ? inserted : existing, written);
  const failed = await runPostSave(written);
  if (failed) throw failed.error;
}

/** Of the document and of each subdocument that was written. */
function carryLocals(from: AnyDocument, to: AnyDocument): void {
  Object.assign(to.$locals, from.$locals);
  const sources = listSubdocuments(from);
  for (const [path, subdocument] of listSubdocuments(to)) {
    const source = sources.get(path);
    if (source && String(source._id) === String(subdocument._id)) {
      Object.assign(subdocument.$locals, source.$locals);
    }
  }
}

/** The error that a failed call rejects with. As with `save()`, error middleware may replace it. */
export async function toSaveError(
  document: AnyDocument,
  options: UpsertOptions,
  error: unknown,
): Promise<unknown> {
  if (skipsMiddleware(options, 'post')) return error;
  const failed = await runPostSave(document, error);
  return failed ? failed.error : error;
}
