/** The filter of one upsert: equality on the conflict target, and what else tells the document. */
import { isOperatorObject } from '../../bson/comparable';
import { resolveKind, type AnyModel } from '../../mongoose-internals';
import { show } from '../../options/show';
import { isSelected } from '../../schema/partial-filter';
import type { UniqueIndex } from '../../schema/unique-index';
import { isBelowAny } from './find-changes';
import { valueAt, type Fields } from './paths-and-values';

export interface UpsertFilter {
  /** Equality on each path of the target. */
  key: Fields;
  /** The key and what else a document must be. */
  filter: Fields;
}

/** Finds nothing, so that the upsert inserts. */
const NOTHING = { _id: { $in: [] } };

/**
 * On the target's paths alone the server settles a race by itself. A partial index adds its own filter,
 * and a document outside of that clashes with none. A discriminator adds its key: where a document of
 * another kind has the key, the insert is refused.
 *
 * @throws TypeError where the input has no value that tells the document
 */
export function toUpsertFilter(
  model: AnyModel,
  target: UniqueIndex,
  document: Fields,
  written: string[],
  isReplacement: boolean,
): UpsertFilter {
  const key = toKey(model, target, document, written);
  const { partialFilterExpression: condition, collation } = target;
  const known = { document, isKnown: () => true };
  if (condition !== undefined && !isSelected(condition, known, collation !== undefined)) {
    // With the key, for a sharded cluster takes no upsert without it.
    return { key, filter: { ...key, $and: [NOTHING] } };
  }
  const kind = toKindFilter(model, isReplacement);
  return { key, filter: { ...key, ...kind, ...(condition && { $and: [condition] }) } };
}

function toKey(model: AnyModel, target: UniqueIndex, document: Fields, written: string[]): Fields {
  const entries = Object.keys(target.keyPattern).map((path) => {
    // A default is no key: it would find the document of somebody who gave none either.
    const value = isBelowAny(written, path) ? valueAt(document, path) : undefined;
    if (value === undefined || value === null) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${String(value)} in the ` +
          'input; it needs a value that tells the document. Use create() for one without.',
      );
    }
    if (isOperatorObject(value)) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${show(value)}; ` +
          'it must be a value, not an object of operators.',
      );
    }
    return [path, { $eq: value }] as const;
  });
  return Object.fromEntries(entries);
}

/** A document of the base may be updated as one of any kind, but replacing it would change its kind. */
function toKindFilter(model: AnyModel, isReplacement: boolean): Fields {
  const kind = resolveKind(model);
  if (kind === undefined) return {};
  const { key, value } = kind;
  if (value !== undefined) return { [key]: { $eq: value } };
  return isReplacement ? { [key]: { $exists: false } } : {};
}
