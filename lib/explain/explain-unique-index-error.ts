/** Explains why a unique index refused a write or could not be built: a sentence for a developer's log. */
import { isOfAnotherCollection } from '../convert/convert-duplicate';
import { explainDuplicate } from '../convert/explain-duplicate';
import { explainIndexBuild } from '../convert/explain-index-build';
import { findDuplicates, type Duplicates, type ServerDuplicate } from '../convert/find-duplicates';
import { isIndexBuild, parseDuplicateKey, type DuplicateKey } from '../convert/parse-duplicate-key';
import { toRefusedKey } from '../convert/refused-key';
import { isUniqueValidationError, type UniqueValidationError } from '../convert/validation-error';
import type { AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { withoutPositions } from '../schema/path';
import { findUniqueIndexes } from '../schema/unique-index';
import { readOperation } from '../write/bulk-operation';
import type { Write } from '../write/write';
import { explainRefusedBuild } from './explain-refused-build';

/**
 * Explains an error of a unique index in one or two sentences for a developer's log: which index, why it
 * refused the write or could not be built, and what fixes that. It explains
 *
 * - a duplicate, converted by the plugin or not: another document has the key, a value is missing, or
 *   the index is left over from a path that the schema does not have;
 * - an index that could not be built, as `Model.init()`, `createIndexes()`, `ensureIndexes()` and
 *   `syncIndexes()` reject: stored duplicates, an unsupported `partialFilterExpression` (codes 67 and 224),
 *   a shard key that the index does not begin with (67), or a conflicting index (85 and 86);
 * - an error that the plugin did not convert: `error.uniqueGuard.reason`.
 *
 * Values that errors hide are omitted. No round trip, never throws.
 *
 * @param error anything that was thrown; causes are followed, so your own error may wrap it
 * @param model the model that was written to. Default: the model of a converted error
 * @returns the sentences, or undefined for any other error, such as a duplicate of another collection
 *
 * @example
 * await User.init().catch((error) => {
 *   logger.error(explainUniqueIndexError(error, User) ?? error);
 * });
 */
export function explainUniqueIndexError(error: unknown, model?: AnyModel): string | undefined {
  try {
    return explain(error, model);
  } catch {
    // The caller still has the error itself.
    return undefined;
  }
}

const MAX_CAUSES = 10;

function explain(error: unknown, model: AnyModel | undefined): string | undefined {
  let link = error;
  for (let depth = 0; depth < MAX_CAUSES && isObject(link); depth += 1) {
    const found = explainLink(link, model);
    if (found !== undefined) return found;
    link = link['cause'];
  }
  if (model === undefined) return undefined;
  const found = findDuplicates(error);
  return found && explainFound(found, model);
}

/** Explains an error that needs no parsing of its causes or rows. */
function explainLink(
  error: Record<string, unknown>,
  model: AnyModel | undefined,
): string | undefined {
  if (isUniqueValidationError(error)) return explainConverted(error);
  const { uniqueGuard: note } = error;
  if (isObject(note) && typeof note['reason'] === 'string') return note['reason'];
  return explainRefusedBuild(error, model);
}

function explainConverted(error: UniqueValidationError): string | undefined {
  const { model, cause } = error;
  const [first] = Object.values(error.errors);
  if (first === undefined) return undefined;
  const { index: indexName, keyPattern } = first.properties;
  const found = findDuplicates(cause);
  const keyValue = new Map(found?.kind === 'single' ? parse(found.duplicate, model).keyValue : []);
  for (const [path, { value }] of Object.entries(error.errors)) {
    if (value === null) keyValue.set(withoutPositions(path), null);
  }
  return explainKey({ ...NOTHING, indexName, keyPattern, keyValue }, model, {});
}

const NOTHING = { db: undefined, collection: undefined, keyText: undefined };

function explainFound(found: Duplicates, model: AnyModel): string | undefined {
  if (found.kind === 'single') {
    const { duplicate } = found;
    const key = parse(duplicate, model);
    return isIndexBuild(duplicate.text) && !isOfAnotherCollection(key, model)
      ? explainIndexBuild(model, key)
      : explainKey(key, model, {});
  }
  // The first row with an explanation.
  for (const row of found.rows) {
    const sentence =
      explainLink(row.writeError as Record<string, unknown>, model) ??
      explainKey(parse(row, model), model, readOperation(row.op).write);
    if (sentence !== undefined) return sentence;
  }
  return undefined;
}

function parse(duplicate: ServerDuplicate, model: AnyModel): DuplicateKey {
  return parseDuplicateKey(
    duplicate,
    findUniqueIndexes(model).map(({ name }) => name),
  );
}

function explainKey(key: DuplicateKey, model: AnyModel, write: Write): string | undefined {
  if (isOfAnotherCollection(key, model)) return undefined;
  return explainDuplicate(model, toRefusedKey(model, key, write));
}
