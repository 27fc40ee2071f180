/** The option `onConflict`: its types, its parser and its checks. Pure. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { isStringList } from '../options/rules';
import { show } from '../options/show';
import { isInArray } from '../schema/conflict-target';
import type { PathOf } from '../schema/document-of';
import { isRelated, prefixesOf } from '../schema/path';
import { schemasOf, type UniqueIndex } from '../schema/unique-index';
import { pathsOf } from '../write/write';
import type { Operators } from './prepare/paths-and-values';

// Any document type, where a call does not know its model.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyRaw = any;

type FieldsOf<Raw> = { [P in PathOf<Raw>]?: unknown };

const UPDATE_OPERATORS = [
  '$set',
  '$unset',
  '$inc',
  '$mul',
  '$min',
  '$max',
  '$push',
  '$addToSet',
  '$pull',
  '$pullAll',
  '$pop',
  '$currentDate',
  '$bit',
  '$rename',
  '$setOnInsert',
] as const;

/** An update with MongoDB's operators, such as `{ $inc: { logins: 1 } }`. */
type UpdateOperators<Raw = AnyRaw> = {
  [Operator in (typeof UPDATE_OPERATORS)[number]]?: FieldsOf<Raw>;
};

/** What saveOrUpsert does to a document that exists. */
export type OnConflict<Raw = AnyRaw> =
  | 'update'
  | 'skip'
  | 'replace'
  | {
      /** The only paths of the input to write, `updatedAt` aside. */
      only: readonly PathOf<Raw>[];
    }
  | {
      /** The paths of the input not to write. */
      except: readonly PathOf<Raw>[];
    }
  | UpdateOperators<Raw>;

/** The option, normalized. */
export type ConflictRule =
  | { kind: 'update' | 'skip' | 'replace' }
  | { kind: 'only' | 'except'; paths: readonly string[] }
  | { kind: 'operators'; operators: Operators };

export const ON_CONFLICT =
  '"update", "skip", "replace", { only: [paths] }, { except: [paths] } or an update with operators ' +
  'such as { $inc: { logins: 1 } }';

/** Returns undefined for an invalid value. An empty `only` is invalid: it would write only `updatedAt`. */
export function findConflictRule(onConflict: unknown): ConflictRule | undefined {
  if (onConflict === undefined) return { kind: 'update' };
  if (onConflict === 'update' || onConflict === 'skip' || onConflict === 'replace') {
    return { kind: onConflict };
  }
  if (!isObject(onConflict)) return undefined;
  const entries = Object.entries(onConflict);
  const [[name, value] = ['', undefined]] = entries;
  if (entries.length === 1 && (name === 'only' || name === 'except')) {
    const paths = isStringList(value) ? (value as string[]) : [];
    return paths.length > 0 || (name === 'except' && isStringList(value))
      ? { kind: name, paths }
      : undefined;
  }
  const isUpdate = entries.every(([key, fields]) => key.startsWith('$') && isObject(fields));
  return isUpdate && entries.length > 0
    ? { kind: 'operators', operators: onConflict as Operators }
    : undefined;
}

/** Throws a TypeError for an unknown operator, an unknown path, or a path inside an array. */
export function checkConflictRule(model: AnyModel, rule: ConflictRule): void {
  if (rule.kind === 'operators') {
    const { operators } = rule;
    const unknown = Object.keys(operators).find(
      (name) => !UPDATE_OPERATORS.some((one) => one === name),
    );
    if (unknown !== undefined) {
      throw new TypeError(
        `saveOrUpsert: options.onConflict has the operator ${show(unknown)}; allowed are ${UPDATE_OPERATORS.join(', ')}.`,
      );
    }
    for (const path of pathsOf(operators)) checkPath(model, path);
  }
  if (rule.kind !== 'only' && rule.kind !== 'except') return;
  for (const path of rule.paths) {
    checkPath(model, path);
    if (isInArray(model, path) && !isWholeArray(model, path)) {
      throw new TypeError(
        `saveOrUpsert: options.onConflict has the path ${show(path)}, which is inside an array; ` +
          'arrays are written as a whole, so use the path of the array.',
      );
    }
  }
}

/** Throws a TypeError if an update with operators writes `_id` or a path of the conflict target. */
export function checkTargetStays(target: UniqueIndex, operators: Operators): void {
  const key = ['_id', ...Object.keys(target.keyPattern)];
  const touched = pathsOf(operators).find((path) => key.some((one) => isRelated(path, one)));
  if (touched === undefined) return;
  throw new TypeError(
    `saveOrUpsert: options.onConflict writes ${show(touched)}, which identifies the document; ` +
      'give its value in the input, and leave it out of the update.',
  );
}

function isWholeArray(model: AnyModel, path: string): boolean {
  return !isInArray(model, prefixesOf(path).at(-2) ?? '');
}

function checkPath(model: AnyModel, path: string): void {
  if (schemasOf(model).some((schema) => isKnown(schema, path))) return;
  throw new TypeError(
    `saveOrUpsert: options.onConflict has the path ${show(path)}, which the schema of ` +
      `${model.modelName} does not have; correct its name or add it to the schema.`,
  );
}

function isKnown(schema: AnySchema, path: string): boolean {
  if (schema.options.strict === false) return true;
  // Positions in an array, such as `list.0` and `list.$[]`, are accepted by isOpen().
  const types = prefixesOf(path).map((prefix) => schema.pathType(prefix));
  return types.at(-1) !== 'adhocOrUndefined' && types.at(-1) !== 'virtual'
    ? true
    : prefixesOf(path).some((prefix) => isOpen(schema, prefix));
}

/** True for a Mixed path, a Map or an array: paths below it are not checked. */
function isOpen(schema: AnySchema, path: string): boolean {
  const { instance } = (schema.path(path) as { instance?: string } | undefined) ?? {};
  return instance === 'Mixed' || instance === 'Map' || instance === 'Array';
}
