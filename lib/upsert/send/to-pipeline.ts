/**
 * An update as a pipeline, for what operators cannot express: a new document whose values are not those that
 * an existing one gets at the same paths, and times and versions that change only with something else. Pure.
 */
import type { Fields, Operators } from '../prepare/paths-and-values';
import type { UpsertWrite } from '../prepare/plan-write';
import { toStoredValueCheck } from './stored-value-check';

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
  operators: Operators,
  { touched: { times, version }, isInsert }: UpsertWrite & { kind: 'update' },
  inserted: Fields,
): object[] {
  const { $set = {}, $unset = {}, $push = {}, $addToSet = {} } = operators;
  const changes = toChanges(operators);
  const ifChanged = (path: string, value: object) => ({ $cond: [changes, value, `$${path}`] });
  const values = Object.fromEntries([
    ...entriesOf($set, (_, value) => ({ $literal: value })),
    ...entriesOf($push, (path, added) => toPushed(path, elementsOf(added))),
    ...entriesOf($addToSet, (path, added) => toUnion(path, elementsOf(added))),
    ...entriesOf(times, (path, value) => ifChanged(path, { $literal: value })),
    ...(version === undefined ? [] : [[version, ifChanged(version, toRaised(version))] as const]),
  ]);
  const removed = Object.keys($unset);
  return [
    { $set: { ...values, [IS_NEW]: isInsert } },
    ...(removed.length > 0 ? [{ $unset: removed }] : []),
    { $replaceWith: { $cond: [`$${IS_NEW}`, { $literal: inserted }, '$$ROOT'] } },
    { $unset: IS_NEW },
  ];
}

/** An expression that is true where the stored document is not yet as the operators leave it. */
function toChanges({ $set = {}, $unset = {}, $push = {}, $addToSet = {} }: Operators): object {
  return {
    $or: [
      ...Object.entries($set).map(([path, value]) => ({ $not: [toStoredValueCheck(path, value)] })),
      ...Object.keys($unset).map((path) => ({ $ne: [{ $type: `$${path}` }, 'missing'] })),
      ...Object.keys($push).map(() => true),
      ...Object.entries($addToSet).map(([path, added]) => ({
        $not: [{ $setIsSubset: [{ $literal: elementsOf(added) }, storedArray(path)] }],
      })),
    ],
  };
}

function entriesOf(
  fields: Fields,
  toExpression: (path: string, value: unknown) => object,
): [string, object][] {
  return Object.entries(fields).map(([path, value]) => [path, toExpression(path, value)]);
}

const elementsOf = (added: unknown) => (added as { $each: unknown[] }).$each;

const storedArray = (path: string) => ({ $ifNull: [`$${path}`, []] });

/** A document without a version counts as one of version 0. */
export function toRaised(version: string): object {
  return { $add: [{ $ifNull: [`$${version}`, 0] }, 1] };
}

function toPushed(path: string, elements: unknown[]): object {
  return { $concatArrays: [storedArray(path), { $literal: elements }] };
}

function toUnion(path: string, elements: unknown[]): object {
  const isMissing = { $not: [{ $in: ['$$this', storedArray(path)] }] };
  const added = { $filter: { input: { $literal: elements }, cond: isMissing } };
  return { $concatArrays: [storedArray(path), added] };
}
