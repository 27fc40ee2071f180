/** The conflict target: the unique index that identifies the document of an upsert. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import type { ConflictTarget } from '../options/plugin-options';
import { show } from '../options/show';
import { findPathType, prefixesOf } from './path';
import { findLackingShardKey, findShardKey } from './shard-key';
import { findUniqueIndexes, schemasOf, type UniqueIndex } from './unique-index';

/**
 * The unique index that `conflictTarget` names.
 *
 * @throws TypeError if it names none, several, or one that cannot identify a document by equality
 */
export function findNamedTarget(model: AnyModel, conflictTarget: ConflictTarget): UniqueIndex {
  const paths = typeof conflictTarget === 'string' ? [conflictTarget] : [...conflictTarget];
  const indexes = findUniqueIndexes(model);
  const onPaths = indexes.filter((index) => hasPaths(index, paths));
  const named = indexes.filter(({ name }) => name === conflictTarget);
  const found = onPaths.length > 0 ? onPaths : named;
  const usable = found.filter((index) => findObstacle(model, index) === undefined);
  const [index, ...others] = usable;
  if (index === undefined) {
    const reason = found[0] === undefined ? 'is no unique index' : findObstacle(model, found[0]);
    const possible = indexes.filter((one) => !findObstacle(model, one));
    throw new TypeError(
      `saveOrUpsert: conflictTarget ${show(conflictTarget)} ${String(reason)}. ` +
        (possible.length > 0
          ? `${model.modelName} can be found by ${list(possible)}.`
          : `No unique index of ${model.modelName} can be a conflict target.`),
    );
  }
  if (others.length > 0) {
    throw new TypeError(
      `saveOrUpsert: conflictTarget ${show(conflictTarget)} fits ${list(usable)}; ` +
        'pass the name of one of them.',
    );
  }
  return index;
}

/** @throws TypeError if no unique index, `_id` aside, identifies a document by equality */
export function findTargets(model: AnyModel): UniqueIndex[] {
  const indexes = findUniqueIndexes(model).filter(
    (index) => index.name !== '_id_' && findObstacle(model, index) === undefined,
  );
  if (indexes.length > 0) return indexes;
  throw new TypeError(
    `saveOrUpsert: ${model.modelName} has no unique index that identifies a document; ` +
      `declare one, or use create().${isIdUsable(model) ? ' For _id pass conflictTarget: "_id".' : ''}` +
      explainUnusable(model, () => true),
  );
}

/**
 * The only unique index, `_id` aside, whose paths are all given.
 *
 * @throws TypeError if there is none, or if there are several
 */
export function findGivenTarget(model: AnyModel, isGiven: (path: string) => boolean): UniqueIndex {
  const indexes = findTargets(model);
  const given = indexes.filter(({ keyPattern }) => Object.keys(keyPattern).every(isGiven));
  const [index, ...others] = given;
  if (index !== undefined && others.length === 0) return index;
  if (index === undefined) {
    const advice =
      isGiven('_id') && isIdUsable(model) ? 'pass conflictTarget: "_id"' : 'use create()';
    throw new TypeError(
      `saveOrUpsert: the input lacks values for each unique index of ${model.modelName}, so it does not ` +
        `identify a document. Add the values of ${list(indexes, 'or')}, or ${advice}.` +
        explainUnusable(model, isGiven),
    );
  }
  throw new TypeError(
    `saveOrUpsert: the input has values for all paths of ${list(given)}, so it does not ` +
      `identify one document. Pass conflictTarget; the unique indexes of ${model.modelName} are ${list(indexes)}.`,
  );
}

/** False if the collection is sharded by another key. */
function isIdUsable(model: AnyModel): boolean {
  return findUniqueIndexes(model).some(
    (index) => index.name === '_id_' && findObstacle(model, index) === undefined,
  );
}

/** Why the indexes whose paths are given cannot be the target; called if none of them can. */
function explainUnusable(model: AnyModel, isGiven: (path: string) => boolean): string {
  return findUniqueIndexes(model)
    .filter(({ name, keyPattern }) => name !== '_id_' && Object.keys(keyPattern).every(isGiven))
    .map((index) => ` ${list([index])} ${String(findObstacle(model, index))}.`)
    .join('');
}

function hasPaths({ keyPattern }: UniqueIndex, paths: string[]): boolean {
  const ofIndex = Object.keys(keyPattern);
  return ofIndex.length === new Set(paths).size && ofIndex.every((path) => paths.includes(path));
}

/** Why equality on the index's paths cannot identify one document; undefined if it can. */
function findObstacle(model: AnyModel, index: UniqueIndex): string | undefined {
  const array = Object.keys(index.keyPattern).find((path) => isInArray(model, path));
  return array === undefined
    ? findLackingShardKey(findShardKey(model.schema as AnySchema), index)
    : `is an index on the array \`${array}\`: several documents may hold parts of it`;
}

export function isInArray(model: AnyModel, path: string): boolean {
  return prefixesOf(path).some((prefix) =>
    schemasOf(model).some((schema) => findPathType(schema, prefix)?.instance === 'Array'),
  );
}

function list(indexes: UniqueIndex[], word = 'and'): string {
  return indexes
    .map(({ name, keyPattern }) => `${show(name)} (${Object.keys(keyPattern).join(', ')})`)
    .join(` ${word} `);
}
