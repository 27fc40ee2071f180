/** What one upsert sends: an update of operators, or a pipeline that replaces the document. Pure. */
import { show } from '../options';
import { isAtOrBelow } from '../schema/path';
import {
  isPlainObject,
  pathsOf,
  withoutEmpty,
  withRestOnInsert,
  type Fields,
  type Operators,
} from './upsert-update';

export type UpsertWrite = {
  /** The whole document, as an insert writes it. */
  inserted: Fields;
  /** The paths at which the query's middleware changes nothing. */
  given: string[];
} & (
  | { kind: 'update'; always: Operators }
  | { kind: 'skip' }
  | {
      kind: 'replace';
      /** The document where one is there; the same as `inserted`, but for what asks `isNew`. */
      existing: Fields;
      /** The paths at which the stored document stays as it is. */
      kept: string[];
      /** An expression that is true where no document is there. */
      isInsert: object;
    }
);

/** An update as the driver takes it. */
export type SentUpdate = Operators | object[];

/**
 * Adds what the caller's update of operators and the query's middleware want. What the input gives
 * wins over those, and they win over what is only for a new document: the server takes no two values
 * for one path, nor for a path and one above it.
 */
export function toSentUpdate(write: UpsertWrite, byQuery: unknown): SentUpdate {
  if (Array.isArray(byQuery)) {
    throw new TypeError(
      "saveOrUpsert: pre('findOneAndUpdate') middleware made the update a pipeline; " +
        'it can be extended by operators only, such as this.set(path, value).',
    );
  }
  const { inserted } = write;
  if (write.kind === 'update') {
    const taken = [...write.given, ...pathsOf(write.always)];
    return withRestOnInsert(mergeFree(write.always, byQuery as Operators, taken), inserted);
  }
  const { $set = {}, $setOnInsert = {}, ...others } = withoutEmpty(byQuery as Operators);
  const [operator] = Object.keys(others);
  if (operator !== undefined) {
    throw new TypeError(
      `saveOrUpsert: pre('findOneAndUpdate') middleware added ${show(operator)}, which cannot go with ` +
        `onConflict: "${write.kind}"; there it can add by this.set(path, value) only.`,
    );
  }
  const onInsert = { $setOnInsert: { ...$setOnInsert, ...$set } };
  const added = mergeFree({}, onInsert, write.given).$setOnInsert ?? {};
  if (write.kind === 'skip') return withRestOnInsert({ $setOnInsert: added }, inserted);

  const { existing, kept, isInsert } = write;
  const forInsert = toReplacement(withValues(inserted, added), kept);
  // Mongoose itself adds the version key.
  const differs = Object.entries($setOnInsert).some(([path, value]) => inserted[path] !== value);
  if (inserted === existing && !differs) {
    return [{ $replaceWith: forInsert }];
  }
  const always = Object.fromEntries(Object.entries(added).filter(([path]) => path in $set));
  const forExisting = toReplacement(withValues(existing, always), kept);
  return [{ $replaceWith: { $cond: [isInsert, forInsert, forExisting] } }];
}

function mergeFree(ours: Operators, theirs: Operators, taken: string[]): Operators {
  const isFree = (path: string) =>
    !taken.some((one) => isAtOrBelow(one, path) || isAtOrBelow(path, one));
  const merged = { ...ours };
  for (const [operator, fields] of Object.entries(theirs) as [`$${string}`, Fields][]) {
    const added = Object.entries(fields).filter(([path]) => isFree(path));
    merged[operator] = { ...Object.fromEntries(added), ...merged[operator] };
  }
  return withoutEmpty(merged);
}

function withValues(document: Fields, values: Fields): Fields {
  return Object.entries(values).reduce(
    (changed, [path, value]) => withValueAt(changed, path.split('.'), value),
    document,
  );
}

function withValueAt(document: Fields, [name = '', ...below]: string[], value: unknown): Fields {
  const child = document[name];
  const inner = isPlainObject(child) ? child : {};
  return { ...document, [name]: below.length === 0 ? value : withValueAt(inner, below, value) };
}

/** An expression for `document` that takes the kept paths from the stored one, where it has them. */
function toReplacement(document: Fields, kept: string[], prefix = ''): object {
  const literal = { ...document };
  const computed: Fields = {};
  for (const path of kept) {
    const [name = '', ...below] = path.split('.');
    const value = document[name];
    if (below.length === 0) computed[name] = toKeptValue(prefix + name, value);
    else if (name in computed) continue;
    else if (isPlainObject(value))
      computed[name] = toReplacement(value, keptBelow(kept, name), `${prefix}${name}.`);
    else continue;
    Reflect.deleteProperty(literal, name);
  }
  const whole = { $literal: literal };
  return Object.keys(computed).length === 0 ? whole : { $mergeObjects: [whole, computed] };
}

function keptBelow(kept: string[], name: string): string[] {
  return kept
    .filter((path) => path.startsWith(`${name}.`))
    .map((path) => path.slice(name.length + 1));
}

/** By its type: a stored null is a value. */
function toKeptValue(path: string, value: unknown): object {
  const otherwise = value === undefined ? '$$REMOVE' : { $literal: value };
  return { $cond: [{ $eq: [{ $type: `$${path}` }, 'missing'] }, otherwise, `$${path}`] };
}
