/** Explains the duplicate-key error of an index that could not be built: nothing was written there. */
import { findDuplicates } from '../convert/find-duplicates';
import { isValueHidden } from '../convert/hide-values';
import { isIndexBuild, parseDuplicateKey, type DuplicateKey } from '../convert/parse-duplicate-key';
import type { AnyModel } from '../mongoose-internals';
import { findOptions } from '../options/plugin-options';
import { show } from '../options/show';
import { findUniqueIndexes } from '../schema/unique-index';

/**
 * A sentence for the log, where `error` says that a unique index of `model` could not be built because
 * duplicates are stored already: `Model.init()`, `createIndexes()`, `ensureIndexes()` and
 * `syncIndexes()` reject with such an E11000 at start-up. It names the index, the first key that
 * blocks it and the audit that lists them all. Values of paths that are hidden from errors are left
 * out.
 *
 * Undefined for anything else: another error, a duplicate that a write met, one of another collection,
 * and a server that does not say in its text that an index build failed (MongoDB says so). No round
 * trip, never throws.
 *
 * @example
 * await User.init().catch((error) => {
 *   logger.error(explainIndexBuildError(error, User) ?? error);
 * });
 */
export function explainIndexBuildError(error: unknown, model: AnyModel): string | undefined {
  try {
    return explain(error, model);
  } catch {
    // Whatever could not be read here, the caller still has the error itself.
    return undefined;
  }
}

function explain(error: unknown, model: AnyModel): string | undefined {
  const found = findDuplicates(error);
  if (found?.kind !== 'single' || !isIndexBuild(found.duplicate.text)) return undefined;
  const indexes = findUniqueIndexes(model);
  const key = parseDuplicateKey(
    found.duplicate,
    indexes.map(({ name }) => name),
  );
  const collection = model.collection.name;
  if (key.collection !== undefined && key.collection !== collection) return undefined;
  const name = key.indexName === undefined ? 'A unique index' : `The unique index ${key.indexName}`;
  return (
    `${name} of ${model.modelName} could not be built: the collection ${collection} already holds ` +
    `documents with the same key${describeKey(key, model)}. Until it is built, nothing keeps ` +
    `duplicates out. await ${model.modelName}.auditUniqueIndexes() lists the documents; mend them, ` +
    'then build the index again.'
  );
}

/** The first key that the server met; a value that is hidden, or not told, is left out. */
function describeKey({ keyPattern, keyValue }: DuplicateKey, model: AnyModel): string {
  const options = findOptions(model.schema);
  const parts = Object.keys(keyPattern ?? {}).flatMap((path) => {
    if (isValueHidden(model, options, path)) return `${path} (hidden)`;
    return keyValue.has(path) ? `${path}: ${show(keyValue.get(path))}` : path;
  });
  return parts.length === 0 ? '' : `, first ${parts.join(', ')}`;
}
