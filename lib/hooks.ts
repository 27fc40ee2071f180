/** The error middleware: the list on top, the handlers below. The only file that sees their `this`. */
import type { CallbackError, Query } from 'mongoose';
import { convertError } from './error/to-validation-error';
import type { Write } from './error/written-value';
import type { AnyModel, AnySchema } from './options';

/**
 * Every write that runs middleware. `create` and `insertOne` run `save`'s, `findByIdAndUpdate` runs
 * `findOneAndUpdate`'s, `bulkSave` runs `bulkWrite`'s.
 */
const HOOKS = {
  save: convertSaveError,
  insertMany: convertInsertManyError,
  bulkWrite: convertBulkWriteError,
  updateOne: convertUpdateError,
  updateMany: convertUpdateError,
  findOneAndUpdate: convertUpdateError,
  replaceOne: convertReplaceError,
  findOneAndReplace: convertReplaceError,
};

/** Mongoose calls error handlers for errors only: a write that succeeds does nothing here. */
export function attachHooks(schema: AnySchema): void {
  for (const [operation, handler] of Object.entries(HOOKS)) {
    // Mongoose's overloads take each operation as a literal; a list of them fits none.
    schema.post(
      operation as 'insertMany',
      { errorHandler: true },
      handler as typeof convertInsertManyError,
    );
  }
}

type Next = (error?: CallbackError) => void;
type AnyQuery = Query<unknown, unknown>;

function convertSaveError(this: SavedDocument, error: unknown, _result: unknown, next: Next): void {
  const write = (): Write => ({ document: this.toBSON(), mayInsert: this.isNew });
  next(convertError(error, this.constructor, { kind: 'single', write }));
}

interface SavedDocument {
  constructor: AnyModel;
  isNew: boolean;
  /** The document as it is sent to the server: no getters, references instead of documents. */
  toBSON(): object;
}

function convertInsertManyError(
  this: AnyModel,
  error: unknown,
  _result: unknown,
  next: Next,
): void {
  next(convertError(error, this, { kind: 'rows' }));
}

function convertBulkWriteError(this: AnyModel, error: unknown, _result: unknown, next: Next): void {
  next(convertError(error, this, { kind: 'bulkWrite' }));
}

function convertUpdateError(this: AnyQuery, error: unknown, _result: unknown, next: Next): void {
  const write = (): Write => ({ update: this.getUpdate() ?? {}, ...filterOf(this) });
  next(convertError(error, this.model, { kind: 'single', write }));
}

function convertReplaceError(this: AnyQuery, error: unknown, _result: unknown, next: Next): void {
  const write = (): Write => ({
    document: this.getUpdate() ?? {},
    isComplete: true,
    ...filterOf(this),
  });
  next(convertError(error, this.model, { kind: 'single', write }));
}

function filterOf(query: AnyQuery): Pick<Write, 'filter' | 'mayInsert'> {
  return { filter: query.getFilter(), mayInsert: query.getOptions().upsert ?? false };
}
