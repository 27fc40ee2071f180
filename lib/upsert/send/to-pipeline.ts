/**
 * Builds an update as a pipeline, for what operators cannot express: a path that gets another value in a
 * new document than in an existing one, and times and versions that change only with another value. Pure.
 */
import { isAtOrBelow } from '../../schema/path';
import { valueAt, type Fields, type Operators } from '../prepare/paths-and-values';
import type { UpsertWrite } from '../prepare/plan-write';
import { isPlainName, toStoredValueCheck } from './stored-value-check';

/** The operators that a pipeline can express. An update with any other one is sent as operators. */
const EXPRESSIBLE = new Set(['$set', '$unset', '$push', '$addToSet', '$setOnInsert']);

/** Temporary fields of the pipeline. No schema has such paths. */
const INSERTED = 'uniqueGuardInserted';
const IS_NEW = 'uniqueGuardIsNew';

/** True if {@link toPipeline} can express these operators. */
export function isExpressible(operators: Operators): boolean {
  return Object.entries(operators).every(
    ([operator, fields]) =>
      EXPRESSIBLE.has(operator) && Object.keys({ ...fields }).every((path) => isPlainPath(path)),
  );
}

function isPlainPath(path: string): boolean {
  return path.includes('.') ? path.split('.').every(isPlainName) : isPlainName(path);
}

/**
 * A pipeline that applies the operators to a document that exists, or else stores `inserted`. Each value
 * that both write is sent once: a command holds at most one document of the largest size.
 */
export function toPipeline(
  operators: Operators,
  { onChange: { times, version }, timesBelow, isInsert }: UpsertWrite & { kind: 'update' },
  inserted: Fields,
): object[] {
  const { $set = {}, $unset = {}, $push = {}, $addToSet = {} } = operators;
  const sent = (path: string, value: unknown) =>
    Object.is(value, valueAt(inserted, path)) ? `$${INSERTED}.${path}` : { $literal: value };
  const changes = toChangeCheck(operators, sent);
  const ifChanged = (path: string, value: object, check = changes) => ({
    $cond: [check, value, `$${path}`],
  });
  const below = timesBelow.map(({ path, subdocument, value }) => {
    const check = toChangeCheck(within(subdocument, operators), sent);
    return [path, ifChanged(path, { $literal: value }, check)] as const;
  });
  const values = Object.fromEntries([
    ...entriesOf($set, sent),
    ...entriesOf($push, (path, added) => toPushed(path, elementsOf(added))),
    ...entriesOf($addToSet, (path, added) => toUnion(path, elementsOf(added))),
    ...entriesOf(times, (path, value) => ifChanged(path, { $literal: value })),
    ...below,
    ...(version === undefined ? [] : [[version, ifChanged(version, toRaised(version))] as const]),
  ]);
  const removed = Object.keys($unset);
  return [
    { $set: { [INSERTED]: { $literal: inserted }, [IS_NEW]: isInsert } },
    ...(Object.keys(values).length > 0 ? [{ $set: values }] : []),
    ...(removed.length > 0 ? [{ $unset: removed }] : []),
    { $replaceWith: { $cond: [`$${IS_NEW}`, `$${INSERTED}`, '$$ROOT'] } },
    { $unset: [INSERTED, IS_NEW] },
  ];
}

/** The operators of the paths at or below `path`. */
function within(path: string, operators: Operators): Operators {
  const entries = Object.entries(operators).map(([operator, fields]) => [
    operator,
    Object.fromEntries(Object.entries({ ...fields }).filter(([one]) => isAtOrBelow(one, path))),
  ]);
  return Object.fromEntries(entries) as Operators;
}

/** An expression that is true if the operators would change the stored document. */
function toChangeCheck(
  { $set = {}, $unset = {}, $push = {}, $addToSet = {} }: Operators,
  sent: (path: string, value: unknown) => string | object,
): object {
  return {
    $or: [
      ...Object.entries($set).map(([path, value]) => ({
        $not: [toStoredValueCheck(path, value, sent(path, value))],
      })),
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
  toExpression: (path: string, value: unknown) => string | object,
): [string, string | object][] {
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
