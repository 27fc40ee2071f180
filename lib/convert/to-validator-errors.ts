/** The errors of one violated index: its fields, with the messages, kinds and hidden values that are set. */
import type { AnyModel } from '../mongoose-internals';
import type { UniqueGuardOptions, UniqueIndexOptions } from '../options/plugin-options';
import type { Write } from '../write/write';
import { findFieldErrors, type FieldError, type ReportedKey } from './find-fields';
import { isValueHidden } from './hide-values';
import type { ViolatedIndex } from './match-index';
import { makeValidatorError, type UniqueValidatorError } from './validation-error';
import { toMessage } from './write-message';

export interface IndexErrors {
  validatorErrors: UniqueValidatorError[];
  /** The violated index: its paths in order, with their directions. */
  keyPattern: Record<string, unknown>;
  /** What was written on each of these paths; undefined where it is hidden or not known. */
  keyValue: Record<string, unknown>;
  /** True if the value of a path is hidden. */
  hidesValue: boolean;
}

/** Undefined if the index has no path that an error can be reported on. */
export function toIndexErrors(
  model: AnyModel,
  options: UniqueGuardOptions,
  index: ViolatedIndex,
  reported: ReportedKey,
  write: Write,
): IndexErrors | undefined {
  const fields = findFieldErrors(model, index, reported, write);
  // As a key of `errors` this one would swap the object's prototype.
  if (fields.length === 0 || fields.some(({ path }) => path === '__proto__')) return undefined;
  const hidden = fields.filter(({ indexPath }) => isValueHidden(model, options, indexPath));
  const shown = fields.map((field) =>
    hidden.includes(field) ? { ...field, value: undefined } : field,
  );
  const validatorErrors = toValidatorErrors(index, shown, model, options);
  const keyValue = Object.fromEntries(shown.map(({ indexPath, value }) => [indexPath, value]));
  const { keyPattern } = index;
  return { validatorErrors, keyPattern, keyValue, hidesValue: hidden.length > 0 };
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
