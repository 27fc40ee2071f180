/** Stages 2 to 4 for one duplicate: from what the server told to a ValidationError, or the reason why not. */
import type { AnyModel, UniqueGuardOptions, UniqueIndexOptions } from '../options';
import { sameValueFor } from '../same-value';
import { findUniqueIndexes, type UniqueIndex } from '../schema/unique-index';
import { parseDuplicateKey, type DuplicateKey } from './duplicate-key';
import type { ServerDuplicate } from './duplicate-key-error';
import {
  findFieldErrors,
  findViolatedIndex,
  toViolatedIndex,
  type FieldError,
  type ViolatedIndex,
} from './field-errors';
import { hideCause, isValueHidden } from './hidden-value';
import { toMessage } from './message';
import { findPossibleIndexes } from './possible-index';
import {
  makeValidationError,
  makeValidatorError,
  type UniqueValidationError,
  type UniqueValidatorError,
} from './validation-error';
import type { Write } from './written-value';

/** What all duplicates of one error have in common; read once, for a bulk may hold many. */
export interface Conversion {
  model: AnyModel;
  options: UniqueGuardOptions;
  indexes: UniqueIndex[];
  indexNames: string[];
  /** Told of each row that is left as it is, while others are converted. */
  onLeft: (row: object, reason: string) => void;
}

export function startConversion(
  model: AnyModel,
  options: UniqueGuardOptions,
  onLeft: Conversion['onLeft'],
): Conversion {
  const indexes = findUniqueIndexes(model);
  return { model, options, indexes, indexNames: indexes.map(({ name }) => name), onLeft };
}

/** The ValidationError, or a sentence that says why this duplicate is left as it is. */
export function convertDuplicate(
  conversion: Conversion,
  duplicate: ServerDuplicate,
  write: Write,
  cause: object,
): UniqueValidationError | string {
  const { model, options, indexes, indexNames } = conversion;
  const key = parseDuplicateKey(duplicate, indexNames);
  if (isOfAnotherCollection(key, model)) {
    return `it is about the collection ${String(key.collection)}, not ${model.collection.name}`;
  }
  const index = findViolatedIndex(key, indexes) ?? findOnlyPossibleIndex(key, write, conversion);
  if (index === undefined) return explainMissingIndex(key, model);
  const fields = findFieldErrors(index, key, write, sameValueFor(model));
  // As a key of `errors` this one would swap the object's prototype.
  if (fields.length === 0 || fields.some(({ path }) => path === '__proto__')) {
    return 'the violated index has no path that an error can stand on';
  }
  const hidden = fields.filter(({ indexPath }) => isValueHidden(model, options, indexPath));
  const shown = fields.map((field) =>
    hidden.includes(field) ? { ...field, value: undefined } : field,
  );
  return makeValidationError(
    model,
    toValidatorErrors(index, shown, model, options),
    hidden.length > 0 || hasFoundValue(duplicate, cause) ? hideCause(cause) : cause,
  );
}

/** Some servers print what the other document holds. */
function hasFoundValue({ text }: ServerDuplicate, cause: object): boolean {
  return 'foundValue' in cause || text.includes(' found value: ');
}

/** A pre('save') middleware that writes elsewhere may hand us the other collection's error. */
function isOfAnotherCollection({ collection }: DuplicateKey, model: AnyModel): boolean {
  // The database is not compared: Atlas shared tiers print it with a prefix.
  return collection !== undefined && collection !== model.collection.name;
}

/** Some servers tell no index: then the only one that this write could violate is the one. */
function findOnlyPossibleIndex(
  { indexName, keyPattern }: DuplicateKey,
  write: Write,
  { model, indexes }: Conversion,
): ViolatedIndex | undefined {
  if (indexName !== undefined || keyPattern !== undefined) return undefined;
  const { ObjectId } = model.base.Types;
  const [index, ...others] = findPossibleIndexes(indexes, write, () =>
    new ObjectId().toHexString(),
  );
  return index === undefined || others.length > 0 ? undefined : toViolatedIndex(index);
}

function explainMissingIndex({ indexName }: DuplicateKey, { modelName }: AnyModel): string {
  return indexName === undefined
    ? `the server does not say which index was violated, and ${modelName} has more than one that could be`
    : `the server names the index ${indexName}, which the schema of ${modelName} does not declare; ` +
        `declare it: schema.index({ … }, { unique: true, name: '${indexName}' })`;
}

function toValidatorErrors(
  { name, keyPattern }: ViolatedIndex,
  fields: FieldError[],
  model: AnyModel,
  options: UniqueGuardOptions,
): UniqueValidatorError[] {
  const indexPaths = Object.keys(keyPattern);
  const indexOptions = ownOptions(options, name);
  const kind = indexOptions.kind ?? options.kind ?? 'unique';
  const paths = fields.map(({ path }) => path);
  return fieldsToShow(fields, indexOptions.path).map(({ path, value }) => {
    const context = { path, paths, value, kind, index: name, keyPattern, model };
    const message = toMessage(context, indexPaths, options, indexOptions);
    return makeValidatorError(model, { path, type: kind, value, message, index: name, keyPattern });
  });
}

function ownOptions({ indexes }: UniqueGuardOptions, name: string | undefined): UniqueIndexOptions {
  const isOwn = name !== undefined && indexes !== undefined && Object.hasOwn(indexes, name);
  return (isOwn ? indexes[name] : undefined) ?? {};
}

function fieldsToShow(
  fields: FieldError[],
  path: string | undefined,
): Pick<FieldError, 'path' | 'value'>[] {
  if (path === undefined) return fields;
  return [fields.find(({ indexPath }) => indexPath === path) ?? { path, value: undefined }];
}
