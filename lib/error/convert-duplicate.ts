/** Stages 2 to 4 for one duplicate: from what the server told to a ValidationError, or undefined. */
import type { AnyModel, UniqueGuardOptions } from '../options';
import { findUniqueIndexes } from '../schema/unique-index';
import { parseDuplicateKey, type DuplicateKey } from './duplicate-key';
import type { ServerDuplicate } from './duplicate-key-error';
import { findFieldErrors, findViolatedIndex, type FieldError } from './field-errors';
import { toMessage } from './message';
import {
  makeValidationError,
  makeValidatorError,
  type UniqueValidationError,
  type UniqueValidatorError,
} from './validation-error';
import type { Write } from './written-value';

/** Undefined where no index explains it, or where it is about another collection. */
export function convertDuplicate(
  duplicate: ServerDuplicate,
  model: AnyModel,
  options: UniqueGuardOptions,
  write: Write,
  cause: unknown,
): UniqueValidationError | undefined {
  const indexes = findUniqueIndexes(model);
  const key = parseDuplicateKey(
    duplicate,
    indexes.map(({ name }) => name),
  );
  if (isOfAnotherCollection(key, model)) return undefined;
  const index = findViolatedIndex(key, indexes);
  if (index === undefined) return undefined;

  const indexPaths = Object.keys(index.keyPattern);
  // As a key of `errors` this one would swap the object's prototype.
  if (indexPaths.length === 0 || indexPaths.includes('__proto__')) return undefined;
  const fields = findFieldErrors(index, key, write, isSameValue(model));

  const indexOptions = ownOptions(options, index.name);
  const kind = indexOptions.kind ?? options.kind ?? 'unique';
  const paths = fields.map(({ path }) => path);
  const toValidatorError = ({
    path,
    value,
  }: Omit<FieldError, 'indexPath'>): UniqueValidatorError => {
    const context = {
      path,
      paths,
      value,
      kind,
      index: index.name,
      keyPattern: index.keyPattern,
      model,
    };
    return makeValidatorError(model, {
      path,
      type: kind,
      value,
      message: toMessage(context, indexPaths, options, indexOptions),
      index: index.name,
      keyPattern: index.keyPattern,
    });
  };
  return makeValidationError(
    model,
    fieldsToShow(fields, indexOptions.path).map(toValidatorError),
    cause,
  );
}

/** A pre('save') middleware that writes elsewhere may hand us the other collection's error. */
function isOfAnotherCollection({ collection }: DuplicateKey, model: AnyModel): boolean {
  // The database is not compared: Atlas shared tiers print it with a prefix.
  return collection !== undefined && collection !== model.collection.name;
}

function ownOptions({ indexes }: UniqueGuardOptions, name: string | undefined) {
  return (name !== undefined && indexes && Object.hasOwn(indexes, name) && indexes[name]) || {};
}

function fieldsToShow(
  fields: FieldError[],
  path: string | undefined,
): Omit<FieldError, 'indexPath'>[] {
  if (path === undefined) return fields;
  return [fields.find(({ indexPath }) => indexPath === path) ?? { path, value: undefined }];
}

/** Compares as BSON: the server's answer holds other classes than the document (Long and number). */
function isSameValue(model: AnyModel): (a: unknown, b: unknown) => boolean {
  const { EJSON } = model.base.mongo.BSON;
  return (a, b) => a === b || EJSON.stringify({ a }) === EJSON.stringify({ a: b });
}
