/** Rejects values that must not or cannot be part of a query. */
import { findValidationError, isMongooseDocument, type AnyDocument } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { show } from '../options/show';
import { pathsOfFilter } from '../schema/partial-filter';
import { isRelated, withoutPositions } from '../schema/path';
import type { UniqueIndex } from '../schema/unique-index';

/** Runs before casting, because a Mixed path accepts operators. @throws TypeError */
export function rejectOperators(indexes: UniqueIndex[], input: unknown, at = ''): void {
  const isOnIndex = indexes.some(({ keyPattern }) =>
    Object.keys(keyPattern).some((path) => at === '' || isRelated(path, withoutPositions(at))),
  );
  if (!isOnIndex || !isRequestObject(input)) return;
  const entries = input instanceof Map ? [...input] : Object.entries(input);
  for (const [key, value] of entries as [string, unknown][]) {
    if (key.startsWith('$')) {
      throw new TypeError(
        `checkUnique: ${at === '' ? 'the input' : `\`${at}\``} has ${show(key)}; it must be a value, ` +
          'not an object with operators. Pass the value itself.',
      );
    }
    rejectOperators(indexes, value, at === '' ? key : `${at}.${key}`);
  }
}

/** True for an object that may have come with a request; false for a date, bytes, an ObjectId or a document. */
function isRequestObject(value: unknown): value is object {
  if (!isObject(value)) return false;
  const isClass = value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value);
  return !isClass && !('_bsontype' in value) && !isMongooseDocument(value);
}

/** @throws the ValidationError of a save if a value on an index could not be cast */
export function rejectUncast(document: AnyDocument, indexes: UniqueIndex[]): void {
  const error = findValidationError(document);
  const paths = indexes.flatMap((index) => [
    ...Object.keys(index.keyPattern),
    ...pathsOfFilter(index.builtFilter),
  ]);
  const isUncast = Object.entries(error?.errors ?? {}).some(
    ([path, { name }]) =>
      name !== 'ValidatorError' && paths.some((one) => isRelated(one, withoutPositions(path))),
  );
  if (isUncast && error) throw error;
}
