/** The filter of one upsert: equality on the conflict target, discriminator key and partial filter. */
import { isOperatorObject } from '../../bson/comparable';
import { resolveKind, type AnyModel } from '../../mongoose-internals';
import { show } from '../../options/show';
import { isSelected } from '../../schema/partial-filter';
import type { UniqueIndex } from '../../schema/unique-index';
import { isBelowAny } from './find-changes';
import { valueAt, type Fields } from './paths-and-values';

/** Equality on each path of a conflict target. */
export type Key = Record<string, { $eq: unknown }>;

export interface UpsertFilter {
  key: Key;
  /** The key, plus the discriminator key and the partial filter of the target. */
  filter: Fields;
}

/** Matches no document, so that the upsert inserts. */
const NOTHING = { _id: { $in: [] } };

/**
 * With equality on the target's paths alone, the server itself retries a lost race. A partial index adds
 * its filter: a document that does not match it conflicts with no other. A discriminator adds its key: if
 * a document of another kind has the same values, the insert fails.
 *
 * @throws TypeError if the input has no value that identifies the document
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
    // With the key, because a sharded cluster refuses an upsert without it.
    return { key, filter: { ...key, $and: [NOTHING] } };
  }
  const kind = toKindFilter(model, isReplacement);
  return { key, filter: { ...key, ...kind, ...(condition && { $and: [condition] }) } };
}

function toKey(model: AnyModel, target: UniqueIndex, document: Fields, written: string[]): Key {
  const entries = Object.keys(target.keyPattern).map((path) => {
    // A default does not identify a document: every input without a value would find the same one.
    const value = isBelowAny(written, path) ? valueAt(document, path) : undefined;
    if (value === undefined || value === null) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${String(value)} in the ` +
          'input; it needs a value that identifies the document. For one without it, use create().',
      );
    }
    if (isOperatorObject(value)) {
      throw new TypeError(
        `saveOrUpsert: the conflict target \`${path}\` of ${model.modelName} is ${show(value)}; ` +
          'it must be a value, not an object with operators.',
      );
    }
    return [path, { $eq: value }] as const;
  });
  return Object.fromEntries(entries);
}

/** The base model may update a document of any kind, but to replace one would change its kind. */
function toKindFilter(model: AnyModel, isReplacement: boolean): Fields {
  const kind = resolveKind(model);
  if (kind === undefined) return {};
  const { key, value } = kind;
  if (value !== undefined) return { [key]: { $eq: value } };
  return isReplacement ? { [key]: { $exists: false } } : {};
}
