/** What one upsert sends: an update of operators, or a pipeline that replaces the document. Pure. */
import { show } from '../../options/show';
import { isAtOrBelow } from '../../schema/path';
import {
  isPlainObject,
  pathsOf,
  valueAt,
  withoutEmpty,
  withRestOnInsert,
  type Fields,
  type Operators,
} from '../prepare/to-operators';
import type { IsNested, UpsertWrite } from '../prepare/to-write';
import { isExpressible, toPipeline } from './to-pipeline';

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
    const operators = mergeFree(write.always, byQuery as Operators, taken);
    if (write.isInsert === undefined || !isExpressible(operators)) {
      return withRestOnInsert(operators, inserted);
    }
    const added = addedOnInsert(byQuery as Operators, write.given);
    return toPipeline(operators, withValues(inserted, added), write.isInsert);
  }
  const { $set = {}, $setOnInsert = {}, ...others } = withoutEmpty(byQuery as Operators);
  const [operator] = Object.keys(others);
  if (operator !== undefined) {
    throw new TypeError(
      `saveOrUpsert: pre('findOneAndUpdate') middleware added ${show(operator)}, which cannot go with ` +
        `onConflict: "${write.kind}"; there it can add by this.set(path, value) only.`,
    );
  }
  const added = addedOnInsert(byQuery as Operators, write.given);
  if (write.kind === 'skip') return withRestOnInsert({ $setOnInsert: added }, inserted);

  const { existing, kept, isNested, isInsert } = write;
  const forInsert = toReplacement(withValues(inserted, added), kept, isNested);
  // Mongoose itself adds the version key.
  const differs = Object.entries($setOnInsert).some(([path, value]) => inserted[path] !== value);
  if (inserted === existing && !differs) {
    return [{ $replaceWith: forInsert }];
  }
  const always = Object.fromEntries(Object.entries(added).filter(([path]) => path in $set));
  const forExisting = toReplacement(withValues(existing, always), kept, isNested);
  return [{ $replaceWith: { $cond: [isInsert, forInsert, forExisting] } }];
}

/** What the query's middleware adds to a new document. */
function addedOnInsert({ $set, $setOnInsert }: Operators, given: string[]): Fields {
  return mergeFree({}, { $setOnInsert: { ...$setOnInsert, ...$set } }, given).$setOnInsert ?? {};
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
    (changed, [path, value]) => withValueAt(changed, path, value),
    document,
  );
}

function withValueAt(document: Fields, path: string, value: unknown): Fields {
  const [name, below] = splitAtDot(path);
  if (below === undefined) return { ...document, [name]: value };
  const child = document[name];
  return { ...document, [name]: withValueAt(isPlainObject(child) ? child : {}, below, value) };
}

function splitAtDot(path: string): [name: string, below?: string] {
  const dot = path.indexOf('.');
  return dot === -1 ? [path] : [path.slice(0, dot), path.slice(dot + 1)];
}

/** An expression for `document` that takes the kept paths from the stored one, where it has them. */
function toReplacement(document: Fields, kept: string[], isNested: IsNested, prefix = ''): object {
  const literal = { ...document };
  const computed: Fields = {};
  for (const path of kept) {
    const [name, below] = splitAtDot(path);
    const value = valueAt(document, name);
    const at = prefix + name;
    if (below === undefined) computed[name] = toKeptValue(at, value);
    else if (Object.hasOwn(computed, name)) continue;
    else if (isPlainObject(value))
      computed[name] = toReplacement(value, keptBelow(kept, name), isNested, `${at}.`);
    else if (value === undefined && isNested(at))
      computed[name] = unlessEmpty(toReplacement({}, keptBelow(kept, name), isNested, `${at}.`));
    else continue;
    Reflect.deleteProperty(literal, name);
  }
  return { $mergeObjects: [{ $literal: literal }, computed] };
}

/** A nested object that is not in the document is there for what it keeps. */
function unlessEmpty(object: object): object {
  const value = { $cond: [{ $eq: ['$$object', {}] }, '$$REMOVE', '$$object'] };
  return { $let: { vars: { object }, in: value } };
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
