/** Explains to a developer why a unique index refused a write, or could not be built. */
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
 * One or two sentences for a developer's log on an error of a unique index: which index, why it refused
 * the write or could not be built, and what fixes that. It explains
 *
 * - a duplicate, converted by the plugin or not: another document has the key, a value is missing, or
 *   the index is left over from a path that the schema does not have;
 * - an index that could not be built: duplicates in the data, an unsupported `partialFilterExpression`
 *   (codes 67 and 224), a shard key that the index does not begin with (67), or another index in the way
 *   (85 and 86), as `Model.init()`, `createIndexes()`, `ensureIndexes()` and `syncIndexes()` reject with
 *   them;
 * - what the plugin left as it was: `error.uniqueGuard.reason`.
 *
 * Returns undefined for anything else, such as a duplicate of another collection. Values that errors
 * hide are left out. No round trip, never throws.
 *
 * @param error what was thrown; the causes of an error of your own are followed
 * @param model the model that was written to. Default: the model that a converted error carries
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
    // Whatever could not be read here, the caller still has the error itself.
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

/** What an error says by itself. */
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
  // Of many rows the first one with an explanation.
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
