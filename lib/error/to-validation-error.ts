/** Where the stages meet: from anything thrown to what the caller catches. */
import type { CallbackError } from 'mongoose';
import { findOptions, type AnyModel } from '../options';
import { decorateBulkWriteError, toBulkValidationError } from './bulk';
import { convertDuplicate } from './convert-duplicate';
import { findDuplicates } from './duplicate-key-error';
import { addHidden, isUniqueValidationError } from './validation-error';
import type { Write } from './written-value';

/** How the error of a write reaches its caller. */
export type ErrorShape =
  /** One document or one query. */
  | { kind: 'single'; write: () => Write }
  /** Many documents: a ValidationError with `validationErrors`. */
  | { kind: 'rows' }
  /** The MongoBulkWriteError itself, decorated. */
  | { kind: 'bulkWrite' };

/**
 * Turns a duplicate-key error of a write that no hook sees (`Model.collection.*`,
 * `connection.bulkWrite`, `$merge`) into the ValidationError that the same violation gives on a
 * Mongoose write; a bulk error becomes what insertMany gives. Anything else, a duplicate that no
 * unique index of the model explains too, comes back as the same object. No round trip, never throws.
 *
 * @example
 * await User.collection.insertOne({ email }).catch((error) => {
 *   throw toValidationError(error, User);
 * });
 */
export function toValidationError(error: unknown, model: AnyModel): unknown {
  return convertError(error, model, { kind: 'rows' });
}

/** The same for a hook, which knows what was written. Never throws. */
export function convertError(error: unknown, model: AnyModel, shape: ErrorShape): CallbackError {
  try {
    return (convert(error, model, shape) ?? error) as CallbackError;
  } catch (failure) {
    // Whatever failed here, the caller's own error is the one that matters.
    return withNote(error, failure) as CallbackError;
  }
}

function convert(error: unknown, model: AnyModel, shape: ErrorShape): unknown {
  if (isConverted(error)) return undefined;
  const found = findDuplicates(error);
  if (found === undefined) return undefined;
  const options = findOptions(model.schema);
  if (found.kind === 'single') {
    const write = shape.kind === 'single' ? shape.write() : {};
    return convertDuplicate(found.duplicate, model, options, write, found.error);
  }
  if (shape.kind === 'bulkWrite') return decorateBulkWriteError(found, model, options);
  // A bulk error out of the write of one document comes from some other write, in its middleware.
  return shape.kind === 'rows' ? toBulkValidationError(found, model, options) : undefined;
}

/** The plugin applied twice, globally and on the schema, converts once. */
function isConverted(error: unknown): boolean {
  const isDecorated = typeof error === 'object' && error !== null && 'validationErrors' in error;
  return isDecorated || isUniqueValidationError(error);
}

function withNote(error: unknown, failure: unknown): unknown {
  const takesNote = typeof error === 'object' && error !== null && Object.isExtensible(error);
  return takesNote ? addHidden(error, { uniqueGuard: { failure } }) : error;
}
