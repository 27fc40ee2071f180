/** Runs all stages: converts anything that was thrown to the error that the caller catches. */
import type { CallbackError } from 'mongoose';
import type { AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { findOptions, type UniqueGuardNote } from '../options/plugin-options';
import type { Write } from '../write/write';
import { carryOver } from './carry-over';
import { decorateBulkWriteError, toBulkValidationError } from './convert-bulk';
import { convertDuplicate, startConversion } from './convert-duplicate';
import { findDuplicates, isOfServer } from './find-duplicates';
import { captureFrames, framesOf } from './stack';
import { addHidden, isUniqueValidationError, type UniqueValidationError } from './validation-error';

/** How the error of a write reaches its caller. */
export type ErrorShape =
  /** One document or one query. */
  | { kind: 'single'; write: () => Write }
  /** Many documents: a ValidationError with `validationErrors`. */
  | { kind: 'rows' }
  /** Whatever was thrown, wrapped or not; rows as for insertMany. */
  | { kind: 'any' }
  /** The MongoBulkWriteError itself, decorated. */
  | { kind: 'bulkWrite' };

/**
 * Converts the duplicate-key error of a write without middleware (`Model.collection.*`,
 * `connection.bulkWrite`) to the ValidationError of a Mongoose write. A bulk error, also of
 * `Model.bulkWrite` and `bulkSave`, becomes the error of insertMany.
 *
 * Causes are followed, so your own error that wraps a duplicate is converted, too. An error of another source,
 * such as parsed JSON, is converted if its `code` is 11000 and its `keyPattern` or message identifies the
 * index. `$out` reports a temporary collection, so its duplicates are converted only by the plugin's
 * `aggregate` middleware. No round trip, never throws.
 *
 * @param error anything that was thrown
 * @param model the model that was written to
 * @returns the ValidationError; for anything else `error` itself: other errors, a duplicate of another
 *   collection or database, a duplicate that no unique index of the model explains, an index that could not
 *   be built
 *
 * @example
 * await User.collection.insertOne({ email }).catch((error) => {
 *   throw toValidationError(error, User);
 * });
 */
export function toValidationError(error: unknown, model: AnyModel): unknown {
  return convertError(error, model, { kind: 'any' });
}

/** The same for a hook, which knows what was written and converts only errors of the driver. Never throws. */
export function convertError(error: unknown, model: AnyModel, shape: ErrorShape): CallbackError {
  let note: UniqueGuardNote;
  try {
    const outcome = convert(error, model, shape);
    // A string that was thrown is no reason.
    if (typeof outcome !== 'string' || outcome === error) return outcome as CallbackError;
    note = { reason: outcome };
  } catch (failure) {
    // If the conversion fails, the caller must still get the original error.
    note = { reason: 'A message function or the conversion failed.', failure };
  }
  return leaveWithNote(error, model, note) as CallbackError;
}

function leaveWithNote(error: unknown, model: AnyModel, note: UniqueGuardNote): unknown {
  try {
    if (Object.isExtensible(error)) addHidden(error as object, { uniqueGuard: note });
    findOptions(model.schema).onUnexplained?.(error, note);
  } catch (failure) {
    note.failure ??= failure;
  }
  return error;
}

/** What the caller gets, or a sentence that says why a duplicate is left as it is. */
function convert(error: unknown, model: AnyModel, shape: ErrorShape): unknown {
  const converted = findConverted(error);
  if (converted !== undefined) return converted;
  if (shape.kind !== 'any' && (isDecorated(error) || hasNote(error))) return error;
  // A hook does not convert a user's own error that wraps a duplicate, but it converts Mongoose's wrapper.
  const found =
    shape.kind === 'any' ? findDuplicates(error) : findDuplicates(error, isMongooseWrapper);
  if (found === undefined || (shape.kind !== 'any' && !isOfServer(found))) return error;
  // A bulk write has many frames of the driver, so V8's ten frames would not include the caller's.
  const frames = shape.kind === 'rows' ? captureFrames() : framesOf(found.error);
  const conversion = startConversion(model, findOptions(model.schema), frames, (row, reason) => {
    if (!hasNote(row)) leaveWithNote(row, model, { reason });
  });
  const carry = (outcome: object | string) => {
    // Properties of a wrapper override those of the error inside.
    for (const from of new Set([error as object, found.error])) {
      if (typeof outcome === 'object') carryOver(from, outcome);
    }
    return outcome;
  };
  if (found.kind === 'single') {
    const write = shape.kind === 'single' ? shape.write() : {};
    return carry(convertDuplicate(conversion, found.duplicate, write, found.error));
  }
  if (shape.kind === 'rows' || shape.kind === 'any') {
    return carry(toBulkValidationError(conversion, found));
  }
  // A bulk error inside another error, or from the write of one document, belongs to another write.
  const isOwn = shape.kind === 'bulkWrite' && found.error === error;
  return isOwn ? decorateBulkWriteError(conversion, found) : error;
}

/**
 * The error, if it was converted before. Mongoose wraps a converted error again if the violated path has
 * `unique: [true, message]`, because it has a code and a key pattern like the driver's error.
 */
export function findConverted(error: unknown): UniqueValidationError | undefined {
  if (isUniqueValidationError(error)) return error;
  const isWrapped = isObject(error) && isMongooseWrapper(error);
  return isWrapped && isUniqueValidationError(error['cause']) ? error['cause'] : undefined;
}

/** True for the wrapper that Mongoose makes for `unique: [true, message]` before any hook runs. */
function isMongooseWrapper({ name, code }: Record<string, unknown>): boolean {
  return name === 'MongooseError' && code === undefined;
}

/** If the plugin is applied twice, only the first one adds a note. */
function hasNote(error: unknown): boolean {
  return isObject(error) && Object.hasOwn(error, 'uniqueGuard');
}

/** If the plugin is applied twice, globally and on the schema, only the first one converts. */
function isDecorated(error: unknown): boolean {
  return isObject(error) && 'validationErrors' in error;
}
