/**
 * An update as a pipeline, for what operators cannot express: a new document whose values are not those that
 * an existing one gets at the same paths. Pure.
 */
import type { Fields, Operators } from '../prepare/to-operators';

/** The operators that a pipeline can express; another one makes the update a plain one. */
const EXPRESSIBLE = new Set(['$set', '$unset', '$push', '$addToSet', '$setOnInsert']);

/** Holds whether the document is new until it is written; no schema has such a path. */
const IS_NEW = 'uniqueGuardIsNew';

/** Can the stages of {@link toPipeline} do what these operators do? */
export function isExpressible(operators: Operators): boolean {
  return Object.entries(operators).every(
    ([operator, fields]) =>
      EXPRESSIBLE.has(operator) && Object.keys(fields ?? {}).every((path) => isPlainPath(path)),
  );
}

/** In an expression a name that begins with `$` is something else, and an empty one is an error. */
function isPlainPath(path: string): boolean {
  return path.split('.').every((name) => name !== '' && !name.startsWith('$'));
}

/** The operators for a document that exists, and `inserted` where none does. */
export function toPipeline(
  { $set = {}, $unset = {}, $push = {}, $addToSet = {} }: Operators,
  inserted: Fields,
  isInsert: object,
): object[] {
  const values = Object.fromEntries([
    ...entriesOf($set, (_, value) => ({ $literal: value })),
    ...entriesOf($push, (path, added) => toPushed(path, elementsOf(added))),
    ...entriesOf($addToSet, (path, added) => toUnion(path, elementsOf(added))),
  ]);
  const removed = Object.keys($unset);
  return [
    { $set: { ...values, [IS_NEW]: isInsert } },
    ...(removed.length > 0 ? [{ $unset: removed }] : []),
    { $replaceWith: { $cond: [`$${IS_NEW}`, { $literal: inserted }, '$$ROOT'] } },
    { $unset: IS_NEW },
  ];
}

function entriesOf(
  fields: Fields,
  toExpression: (path: string, value: unknown) => object,
): [string, object][] {
  return Object.entries(fields).map(([path, value]) => [path, toExpression(path, value)]);
}

const elementsOf = (added: unknown) => (added as { $each: unknown[] }).$each;

function toPushed(path: string, elements: unknown[]): object {
  return { $concatArrays: [{ $ifNull: [`$${path}`, []] }, { $literal: elements }] };
}

function toUnion(path: string, elements: unknown[]): object {
  const stored = { $ifNull: [`$${path}`, []] };
  const isMissing = { $not: [{ $in: ['$$this', stored] }] };
  const added = { $filter: { input: { $literal: elements }, cond: isMissing } };
  return { $concatArrays: [stored, added] };
}
