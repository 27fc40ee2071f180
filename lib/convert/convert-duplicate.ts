/** Stages 2 to 4 for one duplicate: from what the server reported to a ValidationError, or the reason why not. */
import { publishDuplicate } from '../diagnostics';
import { findWireVersion, type AnyModel } from '../mongoose-internals';
import type { UniqueGuardOptions } from '../options/plugin-options';
import { findUniqueIndexes, type UniqueIndex } from '../schema/unique-index';
import type { Write } from '../write/write';
import { explainDuplicate } from './explain-duplicate';
import { explainIndexBuild } from './explain-index-build';
import type { ServerDuplicate } from './find-duplicates';
import { findPossibleIndexes } from './find-possible-indexes';
import { hideCause } from './hide-values';
import { findViolatedIndex, toViolatedIndex, type ViolatedIndex } from './match-index';
import { reportOptionMistakes } from './option-mistakes';
import { isIndexBuild, parseDuplicateKey, type DuplicateKey } from './parse-duplicate-key';
import { toRefusedKey } from './refused-key';
import type { Frames } from './stack';
import { toIndexErrors } from './to-validator-errors';
import { addHidden, makeValidationError, type UniqueValidationError } from './validation-error';

/** The values that all duplicates of one error share. They are read once, because a bulk may have many. */
export interface Conversion {
  model: AnyModel;
  options: UniqueGuardOptions;
  indexes: UniqueIndex[];
  indexNames: string[];
  /** The frames of the errors that are made. */
  frames: Frames;
  /** Called with each row that is left as it is, while others are converted. */
  onLeft: (row: object, reason: string) => void;
}

export function startConversion(
  model: AnyModel,
  options: UniqueGuardOptions,
  frames: Frames,
  onLeft: Conversion['onLeft'],
): Conversion {
  const indexes = findUniqueIndexes(model);
  return { model, options, indexes, indexNames: indexes.map(({ name }) => name), frames, onLeft };
}

/** The ValidationError, or a sentence that says why this duplicate is left as it is. */
export function convertDuplicate(
  conversion: Conversion,
  duplicate: ServerDuplicate,
  write: Write,
  cause: object,
): UniqueValidationError | string {
  const key = parseDuplicateKey(duplicate, conversion.indexNames);
  const index =
    findViolatedIndex(key, conversion.indexes) ??
    (duplicate.isServers ? findOnlyPossibleIndex(key, write, conversion) : undefined);
  let converted = false;
  try {
    const outcome = convertKey(conversion, duplicate, { key, index }, write, cause);
    converted = typeof outcome === 'object';
    return outcome;
  } finally {
    // Also where a message function throws: the error is then left as it is.
    publishDuplicate(() => ({
      model: conversion.model.modelName,
      index: key.indexName ?? index?.name,
      paths: Object.keys(key.keyPattern ?? index?.keyPattern ?? {}),
      operation: write.operation,
      converted,
    }));
  }
}

function convertKey(
  { model, options, frames }: Conversion,
  duplicate: ServerDuplicate,
  { key, index }: { key: DuplicateKey; index: ViolatedIndex | undefined },
  write: Write,
  cause: object,
): UniqueValidationError | string {
  if (isOfAnotherCollection(key, model, write.isOut)) {
    const { db, collection } = model;
    const named = `${String(key.db)}.${String(key.collection)}`;
    return `The error is about the collection ${named}, not ${db.name}.${collection.name}.`;
  }
  if (isIndexBuild(duplicate.text)) return explainIndexBuild(model, key);
  const refused = toRefusedKey(model, key, write);
  if (index === undefined || refused.absent.length > 0) return explainDuplicate(model, refused);
  const isPlain = key.hasFlags === true || isFlagging(model);
  const errors = toIndexErrors(model, options, index, { ...key, isPlain }, write);
  if (errors === undefined)
    return 'The violated index has no path that an error can be reported on.';
  const isHidden = errors.hidesValue || hasFoundValue(duplicate, cause);
  const shownCause = isHidden ? hideCause(cause) : cause;
  const error = makeValidationError(model, errors, shownCause, frames);
  const reason = reportOptionMistakes(model, options);
  return reason === undefined ? error : addHidden(error, { uniqueGuard: { reason } });
}

/** From this version on, MongoDB 6.0, the server says which values of a key are sort keys. */
const FLAGGING_VERSION = 17;

function isFlagging(model: AnyModel): boolean {
  return findWireVersion(model) >= FLAGGING_VERSION;
}

/** Some servers print what the other document holds. */
function hasFoundValue({ text }: ServerDuplicate, cause: object): boolean {
  return 'foundValue' in cause || text.includes(' found value: ');
}

/** A pre('save') middleware that writes to another collection may reject with an error of that one. */
export function isOfAnotherCollection(
  { db, collection }: DuplicateKey,
  model: AnyModel,
  isOut = false,
): boolean {
  if (collection === undefined) return false;
  // A connection that was never opened has no name yet.
  const { name = '' } = model.db as { name?: string };
  // Atlas shared tiers print the name of the database with a prefix.
  if (!String(db).endsWith(name)) return true;
  // $out fills a temporary collection with the indexes of the one that it then replaces.
  return collection !== model.collection.name && !(isOut && collection.startsWith('tmp.agg_out.'));
}

/** For servers that do not report the index: the only index that this write can violate, if it is one. */
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
