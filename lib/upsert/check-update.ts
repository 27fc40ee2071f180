/** Checks the paths of `options.update` against the schema and the conflict target. Pure. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { show } from '../options/show';
import { isInArray } from '../schema/conflict-target';
import { isAtOrBelow, prefixesOf } from '../schema/path';
import { schemasOf, type UniqueIndex } from '../schema/unique-index';
import { pathsOf, type Operators } from './to-operators';
import { UPDATE_OPERATORS, type UpdateRule } from './upsert-options';

/** Throws a TypeError for an operator or a path that would be dropped in silence, or do harm. */
export function checkUpdateOption(model: AnyModel, update: UpdateRule): void {
  if (update.kind === 'all') return;
  if (update.kind === 'operators') {
    const { operators } = update;
    const unknown = Object.keys(operators).find(
      (name) => !UPDATE_OPERATORS.some((one) => one === name),
    );
    if (unknown !== undefined) {
      throw new TypeError(
        `saveOrUpsert: options.update has the operator ${show(unknown)}; allowed are ${UPDATE_OPERATORS.join(', ')}.`,
      );
    }
    for (const path of pathsOf(operators)) checkPath(model, path);
    return;
  }
  for (const path of update.paths) {
    checkPath(model, path);
    if (isInArray(model, path) && !isWholeArray(model, path)) {
      throw new TypeError(
        `saveOrUpsert: options.update has the path ${show(path)}, which leads into an array; ` +
          'an array is written as a whole.',
      );
    }
  }
}

function isWholeArray(model: AnyModel, path: string): boolean {
  return !isInArray(model, prefixesOf(path).at(-2) ?? '');
}

function checkPath(model: AnyModel, path: string): void {
  if (schemasOf(model).some((schema) => isKnown(schema, path))) return;
  throw new TypeError(
    `saveOrUpsert: options.update has the path ${show(path)}, which the schema of ${model.modelName} ` +
      'does not have.',
  );
}

function isKnown(schema: AnySchema, path: string): boolean {
  if (schema.options.strict === false || path === schema.options.versionKey) return true;
  // `list.0`, `list.$[]`: what lies in an array is what its elements are.
  const types = prefixesOf(path).map((prefix) => schema.pathType(prefix));
  return types.at(-1) !== 'adhocOrUndefined' && types.at(-1) !== 'virtual'
    ? true
    : prefixesOf(path).some((prefix) => isOpen(schema, prefix));
}

/** A Mixed path or a Map, which hold any path. */
function isOpen(schema: AnySchema, path: string): boolean {
  const { instance } = (schema.path(path) as { instance?: string } | undefined) ?? {};
  return instance === 'Mixed' || instance === 'Map' || instance === 'Array';
}

/** Throws a TypeError where an update of operators would change which document is meant. */
export function checkTargetStays(target: UniqueIndex, operators: Operators): void {
  const key = ['_id', ...Object.keys(target.keyPattern)];
  const touched = pathsOf(operators).find((path) =>
    key.some((one) => isAtOrBelow(path, one) || isAtOrBelow(one, path)),
  );
  if (touched === undefined) return;
  throw new TypeError(
    `saveOrUpsert: options.update writes ${show(touched)}, which tells the document; ` +
      'give its value in the input, and leave it out of the update.',
  );
}
