/** The error middleware: the list on top, the handlers below. Only this file uses their `this`. */
import type { CallbackError, ClientSession, Query } from 'mongoose';
import { collectViolations } from './check/collect-all';
import { convertError, findConverted, type ErrorShape } from './convert/convert-error';
import { isUniqueValidationError } from './convert/validation-error';
import {
  findDocumentSession,
  findOperation,
  findSaveOptions,
  findSession,
  isInTransaction,
  markOfPlugin,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from './mongoose-internals';
import { isObject } from './options/is-object';
import { findOptions, type UniqueGuardCallOptions } from './options/plugin-options';
import { toDocumentWrite } from './write/document-write';
import type { DocumentWrite, UpdateWrite, Write } from './write/write';

/**
 * Every write that runs middleware. `create` and `insertOne` run `save` middleware, `findByIdAndUpdate` runs
 * `findOneAndUpdate` middleware, and `bulkSave` runs `bulkWrite` middleware.
 */
const HOOKS = {
  save: convertSaveError,
  insertMany: convertInsertManyError,
  bulkWrite: convertBulkWriteError,
  updateOne: convertUpdateError,
  updateMany: convertUpdateManyError,
  findOneAndUpdate: convertUpdateError,
  replaceOne: convertReplaceError,
  findOneAndReplace: convertReplaceError,
  aggregate: convertAggregateError,
};

/** Mongoose calls error handlers only for errors, so a successful write costs nothing. */
export function attachHooks(schema: AnySchema): void {
  markOfPlugin(convertSaveError);
  for (const [operation, handler] of Object.entries(HOOKS)) {
    // Mongoose's overloads accept each operation only as a literal.
    schema.post(
      operation as 'insertMany',
      { errorHandler: true },
      handler as typeof convertInsertManyError,
    );
  }
}

type Next = (error?: CallbackError) => void;
type AnyQuery = Query<unknown, unknown>;

function convertSaveError(this: AnyDocument, error: unknown, _result: unknown, next: Next): void {
  // save() has set the session of its options on the document.
  const call = (): Call => ({
    options: findSaveOptions(this),
    session: findDocumentSession(this),
  });
  convertOne(
    error,
    this.constructor,
    () => Object.assign(toDocumentWrite(this), { operation: 'save' }),
    call,
    next,
  );
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
  convertOne(
    error,
    this.model,
    () => toUpdateWrite(this),
    () => callOf(this),
    next,
  );
}

function convertUpdateManyError(
  this: AnyQuery,
  error: unknown,
  _result: unknown,
  next: Next,
): void {
  next(convertError(error, this.model, { kind: 'single', write: () => toUpdateWrite(this) }));
}

function convertReplaceError(this: AnyQuery, error: unknown, _result: unknown, next: Next): void {
  const write = (): DocumentWrite => ({
    document: this.getUpdate() ?? {},
    isComplete: true,
    operation: findOperation(this),
    ...filterOf(this),
  });
  convertOne(error, this.model, write, () => callOf(this), next);
}

/** Only the server knows the values that `$merge` and `$out` write. */
function convertAggregateError(
  this: { model(): AnyModel; pipeline(): object[] },
  error: unknown,
  _result: unknown,
  next: Next,
): void {
  const model = this.model();
  const write = (): Write => ({
    operation: 'aggregate',
    isOut: isOutOf(model, this.pipeline()),
  });
  next(convertError(error, model, { kind: 'single', write }));
}

/** True if the pipeline replaces the model's own collection. `$out` is always the last stage. */
function isOutOf({ collection, db }: AnyModel, pipeline: object[]): boolean {
  const { $out: target } = pipeline.at(-1) as { $out?: unknown };
  if (!isObject(target)) return target === collection.name;
  return target['coll'] === collection.name && target['db'] === db.name;
}

function toUpdateWrite(query: AnyQuery): UpdateWrite {
  return { update: query.getUpdate() ?? {}, operation: findOperation(query), ...filterOf(query) };
}

function filterOf(query: AnyQuery): Pick<UpdateWrite, 'filter' | 'mayInsert' | 'collation'> {
  const { upsert: mayInsert = false, collation } = query.getOptions();
  return { filter: query.getFilter(), mayInsert, ...(collation && { collation }) };
}

/** The options and the session of one write. */
interface Call {
  options: { uniqueGuard?: UniqueGuardCallOptions } | undefined;
  session: ClientSession | null | undefined;
}

function callOf(query: AnyQuery): Call {
  const options = query.getOptions();
  return { options, session: options.session };
}

/** Converts the error of one document. With `collectAll`, the caller waits for a lookup of the other indexes. */
function convertOne(
  error: unknown,
  model: AnyModel,
  write: () => DocumentWrite | UpdateWrite,
  call: () => Call,
  next: Next,
): void {
  const shape: ErrorShape = { kind: 'single', write };
  const converted = convertError(error, model, shape);
  const isJustConverted = findConverted(error) === undefined && isUniqueValidationError(converted);
  if (!isJustConverted || !collectsAll(model, call)) {
    next(converted);
    return;
  }
  void collectViolations(converted, model, write).then(() => {
    next(converted);
  });
}

/** True if the option `collectAll` is set. False in a transaction, because the error has aborted it. */
function collectsAll(model: AnyModel, call: () => Call): boolean {
  try {
    const { options, session } = call();
    const isSet = options?.uniqueGuard?.collectAll ?? findOptions(model.schema).collectAll ?? false;
    return isSet && !isInTransaction(findSession(model, session));
  } catch {
    // If the option of the call cannot be read, the error reports one index.
    return false;
  }
}
