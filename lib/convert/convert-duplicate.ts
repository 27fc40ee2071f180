/** Stages 2 to 4 for one duplicate: from what the server told to a ValidationError, or the reason why not. */
import type { AnyModel } from '../mongoose-internals';
import type { UniqueGuardOptions } from '../options/plugin-options';
import { findUniqueIndexes, type UniqueIndex } from '../schema/unique-index';
import type { Write } from '../write/written-value';
import { explainDuplicate } from './explain-duplicate';
import { explainIndexBuild } from './explain-index-build';
import type { ServerDuplicate } from './find-duplicates';
import { findPossibleIndexes } from './find-possible-indexes';
import { hideCause } from './hide-values';
import { findViolatedIndex, toViolatedIndex, type ViolatedIndex } from './match-index';
import { isIndexBuild, parseDuplicateKey, type DuplicateKey } from './parse-duplicate-key';
import { reportOptionMistakes } from './option-mistakes';
import { toRefusedKey } from './refused-key';
import { toIndexErrors } from './to-validator-errors';
import { addHidden, makeValidationError, type UniqueValidationError } from './validation-error';

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
    return `The error is about the collection ${String(key.collection)}, not ${model.collection.name}.`;
  }
  if (isIndexBuild(duplicate.text)) return explainIndexBuild(model, key);
  const index = findViolatedIndex(key, indexes) ?? findOnlyPossibleIndex(key, write, conversion);
  const refused = toRefusedKey(model, key, write);
  if (index === undefined || refused.absent.length > 0) return explainDuplicate(model, refused);
  const errors = toIndexErrors(model, options, index, key, write);
  if (errors === undefined)
    return 'The violated index has no path that an error can be reported on.';
  const { validatorErrors, hidesValue } = errors;
  const isHidden = hidesValue || hasFoundValue(duplicate, cause);
  const error = makeValidationError(model, validatorErrors, isHidden ? hideCause(cause) : cause);
  const reason = reportOptionMistakes(model, options);
  return reason === undefined ? error : addHidden(error, { uniqueGuard: { reason } });
}

/** Some servers print what the other document holds. */
function hasFoundValue({ text }: ServerDuplicate, cause: object): boolean {
  return 'foundValue' in cause || text.includes(' found value: ');
}

/** A pre('save') middleware that writes elsewhere may hand us the other collection's error. */
export function isOfAnotherCollection({ collection }: DuplicateKey, model: AnyModel): boolean {
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
