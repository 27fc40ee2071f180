/** Builds the update that one upsert sends: operators or a pipeline. Pure. */
import { show } from '../../options/show';
import { isAtOrBelow } from '../../schema/path';
import { pathsOf } from '../../write/write';
import {
  isPlainObject,
  splitAtDot,
  valueAt,
  withoutEmpty,
  withValueAt,
  type Fields,
  type Operators,
} from '../prepare/paths-and-values';
import type { IsNested, WrittenOnChange, UpsertWrite } from '../prepare/plan-write';
import { isExpressible, toPipeline, toRaised } from './to-pipeline';
import { setRestOnInsert } from './set-rest-on-insert';
import { isPlainName, toTypeChecks } from './stored-value-check';

/** An update as the driver takes it. */
export type SentUpdate = Operators | object[];

/**
 * Merges the planned write with `byQuery`: the caller's update with operators and what query middleware
 * added. Values of the input override `byQuery`, which overrides values for a new document only: the
 * server refuses two values for one path, or for a path and its parent.
 *
 * @param isCompared true if the update compares values, to keep `updatedAt` of an existing document if
 *   nothing changes. If the caller has compared them, operators cost the server less.
 */
export function buildUpdate(write: UpsertWrite, byQuery: unknown, isCompared: boolean): SentUpdate {
  if (Array.isArray(byQuery)) {
    throw new TypeError(
      "saveOrUpsert: pre('findOneAndUpdate') middleware made the update a pipeline; " +
        'it can be extended by operators only, such as this.set(path, value).',
    );
  }
  const { inserted } = write;
  if (write.kind === 'update') return toUpdate(write, byQuery as Operators, isCompared);
  const { $set = {}, ...others } = withoutEmpty(byQuery as Operators);
  const operator = Object.keys(others).find((name) => name !== '$setOnInsert');
  if (operator !== undefined) {
    throw new TypeError(
      `saveOrUpsert: pre('findOneAndUpdate') middleware added ${show(operator)}, which is not allowed with ` +
        `onConflict: "${write.kind}"; there it can add by this.set(path, value) only.`,
    );
  }
  const added = addedOnInsert(byQuery as Operators, write.lockedPaths);
  if (write.kind === 'skip') return setRestOnInsert({ $setOnInsert: added }, inserted);

  const { existing, kept, isNested, isInsert, onChange } = write;
  const created = withValues(inserted, added);
  const addedOnUpdate = Object.fromEntries(Object.entries(added).filter(([path]) => path in $set));
  const replacement = withValues(existing, addedOnUpdate);
  const forInsert = toReplacement('$$created', created, kept, isNested);
  const keptOrTimes = [...kept, ...Object.keys(onChange.times)];
  const untouched = toReplacement('$$replacement', replacement, keptOrTimes, isNested);
  const forExisting = withVariable(
    'replacement',
    toReferences(replacement, created),
    ifChanged(untouched, onChange, toTypesOf(replacement, keptOrTimes)),
  );
  const value = { $cond: [isInsert, forInsert, forExisting] };
  return [{ $replaceWith: withVariable('created', { $literal: created }, value) }];
}

function withVariable(name: string, value: object, expression: object): object {
  return { $let: { vars: { [name]: value }, in: expression } };
}

/** The values of `document`, those that it shares with the variable `created` by reference. */
function toReferences(document: Fields, created: Fields): object {
  const entries = Object.entries(document);
  if (!entries.every(([name]) => isPlainName(name))) return { $literal: document };
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      Object.is(value, created[name]) ? `$$created.${name}` : { $literal: value },
    ]),
  );
}

/** The replacement. It keeps the stored times and version unless another value changes. */
function ifChanged(
  untouched: object,
  { times, version }: WrittenOnChange,
  types: object[],
): object {
  const [next, stored] = ['$$next', '$$ROOT'].map((object) => ({ $objectToArray: object }));
  const changes = {
    ...Object.fromEntries(
      Object.entries(times).map(([path, value]) => [path, { $literal: value }]),
    ),
    ...(version !== undefined && { [version]: toRaised(version) }),
  };
  const changed = { $mergeObjects: ['$$next', changes] };
  // `$cond`, because a type of a value that is another one may not exist.
  const isSame = { $cond: [{ $setEquals: [next, stored] }, { $and: types }, false] };
  const value = { $cond: [isSame, '$$next', changed] };
  return withVariable('next', untouched, value);
}

/** The conditions on the types of the replaced values. A kept value is the stored one. */
function toTypesOf(replacement: Fields, kept: string[], prefix = ''): object[] {
  return Object.entries(replacement).flatMap(([name, value]) => {
    const path = prefix + name;
    if (kept.includes(path) || !isPlainName(name)) return [];
    const isAbove = isPlainObject(value) && kept.some((one) => isAtOrBelow(one, path));
    return isAbove ? toTypesOf(value, kept, `${path}.`) : toTypeChecks(path, value);
  });
}

function toUpdate(
  write: UpsertWrite & { kind: 'update' },
  byQuery: Operators,
  isCompared: boolean,
): SentUpdate {
  const { onUpdate, onChange, timesBelow, inserted, lockedPaths, form } = write;
  const { version } = onChange;
  const below = timesBelow.map(({ path, value }) => [path, value]);
  const times = { ...onChange.times, ...(Object.fromEntries(below) as Fields) };
  const findLocked = () => {
    const own = Object.keys(version === undefined ? times : { ...times, [version]: 1 });
    return [...lockedPaths, ...pathsOf(onUpdate), ...own];
  };
  const isAlone = Object.keys(byQuery).length === 0;
  const operators = isAlone ? onUpdate : mergeFree(onUpdate, byQuery, findLocked());
  const isPlain = form === 'operators' || (form === 'either' && !isCompared);
  if (isPlain || !isExpressible(operators)) {
    const all = {
      ...operators,
      $set: { ...operators.$set, ...times },
      ...(version !== undefined && { $inc: { ...operators.$inc, [version]: 1 } }),
    };
    return setRestOnInsert(all, inserted);
  }
  const added = addedOnInsert(byQuery, lockedPaths);
  return toPipeline(operators, write, withValues(inserted, added));
}

/** What the query's middleware adds to a new document. */
function addedOnInsert({ $set, $setOnInsert }: Operators, lockedPaths: string[]): Fields {
  return (
    mergeFree({}, { $setOnInsert: { ...$setOnInsert, ...$set } }, lockedPaths).$setOnInsert ?? {}
  );
}

function mergeFree(ours: Operators, theirs: Operators, locked: string[]): Operators {
  const isFree = (path: string) =>
    !locked.some((one) => isAtOrBelow(one, path) || isAtOrBelow(path, one));
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

/**
 * An expression for `document`, which the variable `given` holds, with the stored values of the kept paths,
 * if they exist.
 */
function toReplacement(
  given: string,
  document: Fields,
  kept: string[],
  isNested: IsNested,
  prefix = '',
): object {
  const computed: Fields = {};
  for (const path of kept) {
    const [name, below] = splitAtDot(path);
    const value = valueAt(document, name);
    const at = prefix + name;
    const own = `${given}.${name}`;
    const nested = (fields: Fields) =>
      toReplacement(own, fields, keptBelow(kept, name), isNested, `${at}.`);
    if (below === undefined) computed[name] = toKeptValue(at, value === undefined ? REMOVED : own);
    else if (Object.hasOwn(computed, name)) continue;
    else if (isPlainObject(value)) computed[name] = nested(value);
    else if (value === undefined && isNested(at)) computed[name] = unlessEmpty(nested({}));
  }
  return { $mergeObjects: [given, computed] };
}

const REMOVED = '$$REMOVE';

/** Removes a nested object that `document` does not have, unless it contains kept values. */
function unlessEmpty(object: object): object {
  const value = { $cond: [{ $eq: ['$$object', {}] }, '$$REMOVE', '$$object'] };
  return withVariable('object', object, value);
}

function keptBelow(kept: string[], name: string): string[] {
  return kept
    .filter((path) => path.startsWith(`${name}.`))
    .map((path) => path.slice(name.length + 1));
}

/** Checks the stored type, because a stored null is a value to keep. */
function toKeptValue(path: string, otherwise: string): object {
  return { $cond: [{ $eq: [{ $type: `$${path}` }, 'missing'] }, otherwise, `$${path}`] };
}
