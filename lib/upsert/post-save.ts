/** The `post('save')` middleware of a call: after the write, and for what the call rejects with. */
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
 * Does this call run any after a write?
 *
 * @throws Error where there is any and this Mongoose does not let it be run
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
  return list?.some((hook) => isErrorHandler(hook) && isOther(hook)) ?? true;
}

/** The documents that `pre('save')` middleware saw. */
export interface Seen {
  inserted: AnyDocument;
  /** The same one, unless middleware asked whether it is new. */
  existing: AnyDocument;
}

/** @throws what the middleware throws; the document is written */
export async function finishSave(
  written: AnyDocument,
  seen: Seen,
  created: boolean,
): Promise<void> {
  carryLocals(created ? seen.inserted : seen.existing, written);
  const failed = await runPostSave(written);
  if (failed) throw failed.error;
}

/** Of the document and of each subdocument that was written. */
function carryLocals(from: AnyDocument, to: AnyDocument): void {
  Object.assign(to.$locals, from.$locals);
  const seen = listSubdocuments(from);
  for (const [place, subdocument] of listSubdocuments(to)) {
    const one = seen.get(place);
    if (one && String(one._id) === String(subdocument._id)) {
      Object.assign(subdocument.$locals, one.$locals);
    }
  }
}

/** What a failed call rejects with: as of a failed save, error middleware may replace it. */
export async function toSaveError(
  document: AnyDocument,
  options: UpsertOptions,
  error: unknown,
): Promise<unknown> {
  if (skipsMiddleware(options, 'post')) return error;
  const failed = await runPostSave(document, error);
  return failed ? failed.error : error;
}
