/** Stage 4: makes Mongoose's ValidationError. The only file that touches Mongoose's error classes. */
import type { Error as MongooseErrors } from 'mongoose';
import { nameModelInMessage, type AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import type { PathOf, RawDocumentOf } from '../schema/document-of';
import type { BulkOperation } from '../write/bulk-operation';
import { setFrames, withoutStack, type Frames } from './stack';

/** The error of one path in `error.errors`. */
export type UniqueValidatorError = MongooseErrors.ValidatorError & {
  /** The properties of a Mongoose validator, and the violated index. */
  properties: {
    /** The name of the violated index, if the server reports it. */
    index: string | undefined;
    /** The paths of the index in order, with 1 or -1. */
    keyPattern: Record<string, unknown>;
  };
};

/** What a write rejects with when a unique index refused it. */
export interface UniqueValidationError extends MongooseErrors.ValidationError {
  /** One for each path of the violated index, by path. */
  errors: Record<string, UniqueValidatorError>;
  /** The driver's code, so that code which handles 11000 continues to work. Not enumerable. */
  code: 11000;
  /** The paths of the violated index in order, with 1 or -1, as on the driver's error. Not enumerable. */
  keyPattern: Record<string, unknown>;
  /** The written value of each of these paths; undefined if it is hidden or not known. Not enumerable. */
  keyValue: Record<string, unknown>;
  /** The driver's error. Not enumerable, so that JSON does not contain it. */
  cause: unknown;
  /** The model that was written to. Not enumerable. */
  model: AnyModel;
  /** On the error of one of many writes: its position in the caller's array, from 0. Not enumerable. */
  index?: number;
  /** On the error of one of many writes: its operation. Not enumerable. */
  operation?: BulkOperation;
  /** On an error of saveOrUpsert's conflict target: the number of attempts. Not enumerable. */
  attempts?: number;
  /** On the error of insertMany: one error for each duplicate row. Not enumerable. */
  validationErrors?: UniqueValidationError[];
  /** On the error of insertMany, from Mongoose as the next four: the inserted documents. Not enumerable. */
  insertedDocs?: unknown[];
  /** For an unordered insertMany, the document or error of each row. */
  results?: unknown[];
  /** The driver's list of failed rows. */
  writeErrors?: unknown[];
  /** The driver's result. */
  result?: unknown;
  /** With the option `rawResult`: Mongoose's results and validation errors. */
  mongoose?: unknown;
}

/** The properties of one ValidatorError. */
interface ValidatorProperties {
  path: string;
  /** The kind. Mongoose names it `type` in the properties of a validator. */
  type: string;
  value: unknown;
  message: string;
  index: string | undefined;
  keyPattern: Record<string, unknown>;
}

/** From the classes of the model's own Mongoose: `instanceof` holds with two copies installed. */
export function makeValidatorError(
  model: AnyModel,
  { message, ...properties }: ValidatorProperties,
): UniqueValidatorError {
  // As a function: Mongoose would fill the placeholders of a string once more, in values too.
  const withMessage = { ...properties, message: () => message };
  return withoutStack(
    () => new model.base.Error.ValidatorError(withMessage as never) as UniqueValidatorError,
  );
}

/** Created without the document: otherwise its next save would fail with the same error. */
export function makeValidationError(
  model: AnyModel,
  { validatorErrors, keyPattern, keyValue }: ViolatedKey,
  cause: unknown,
  frames: Frames,
): UniqueValidationError {
  const error = withoutStack(() => new model.base.Error.ValidationError() as UniqueValidationError);
  setFrames(error, frames);
  nameModelInMessage(error, model);
  addErrors(error, validatorErrors);
  return addHidden(error, { code: 11000, keyPattern, keyValue, cause, model });
}

/** The errors of one violated index, and its key. */
interface ViolatedKey {
  validatorErrors: UniqueValidatorError[];
  keyPattern: Record<string, unknown>;
  keyValue: Record<string, unknown>;
}

/** A path of two indexes keeps the error of the first. */
export function addErrors(error: UniqueValidationError, validatorErrors: UniqueValidatorError[]) {
  for (const validatorError of validatorErrors) {
    const { path } = validatorError;
    if (!Object.hasOwn(error.errors, path)) error.addError(path, validatorError);
  }
}

/** Adds properties that are not enumerable, so that JSON and logs do not contain them. */
export function addHidden<T extends object>(target: T, properties: object): T {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(target, name, {
      value: value as unknown,
      enumerable: false,
      writable: true,
      configurable: true,
    });
  }
  return target;
}

/** A UniqueValidationError of one model, with the model's paths in `errors`. */
export type UniqueValidationErrorOf<M> = Omit<UniqueValidationError, 'errors'> & {
  /** One for each path of the violated index, by path. */
  errors: { [Path in PathOf<RawDocumentOf<M>>]?: UniqueValidatorError };
};

/**
 * Type guard: true for a ValidationError that this plugin made from a duplicate key. Show
 * `error.errors['email']?.message` beside the input. No round trip, never throws.
 *
 * @example
 * if (isUniqueValidationError(error)) response.status(409).json({ errors: error.errors });
 */
export function isUniqueValidationError(error: unknown): error is UniqueValidationError;
/**
 * The same, only for errors of the model's collection, including its discriminators. TypeScript then knows the
 * paths of the model.
 *
 * @example
 * if (isUniqueValidationError(error, User)) console.log(error.errors.email?.message);
 */
export function isUniqueValidationError<M extends AnyModel>(
  error: unknown,
  model: M,
): error is UniqueValidationErrorOf<M>;
export function isUniqueValidationError(error: unknown, model?: unknown): boolean {
  if (!isObject(error)) return false;
  const { name, code, errors, model: violated } = error as Partial<MadeError>;
  if (name !== 'ValidationError' || code !== 11000) return false;
  if (!isObject(errors)) return false;
  // As a callback of filter(), the function gets an index as its second argument.
  if (typeof model !== 'function') return true;
  // A discriminator has its base's collection.
  const { db, collection } = model as AnyModel;
  return violated?.db === db && violated.collection.name === collection.name;
}

/** The properties that the guard reads of any object. */
interface MadeError {
  name: unknown;
  code: unknown;
  errors: unknown;
  model: AnyModel;
}
