/** Decides which values are hidden, and removes them from errors. */
import type { AnyModel, AnySchema } from '../mongoose-internals';
import type { UniqueGuardOptions } from '../options/plugin-options';
import { findPathTypes } from '../schema/find-path-types';
import { isRelated, withoutPositions } from '../schema/path';
import { schemasOf } from '../schema/unique-index';
import { findUnknownPaths } from './option-mistakes';
import { framesOf, setFrames } from './stack';
import { addHidden } from './validation-error';

const MESSAGE = 'E11000 duplicate key error (the value is hidden)';

/**
 * True if the option `hideValues` or `select: false` hides the path. A hidden path also hides its parents,
 * because their values contain it. If the option names a path that the schema does not have, which may be
 * a typing error, all values are hidden.
 */
export function isValueHidden(model: AnyModel, options: UniqueGuardOptions, path: string): boolean {
  const { hideValues } = options;
  if (hideValues === true || findUnknownPaths(model, options).length > 0) return true;
  const plain = withoutPositions(path);
  if (hideValues?.some((one) => isRelated(plain, withoutPositions(one)))) return true;
  return schemasOf(model).some((schema) => isUnselected(schema, path));
}

function isUnselected(schema: AnySchema, path: string): boolean {
  const { at, above, below } = findPathTypes(schema, path);
  return [...at, ...above, ...below].some(({ options }) => options?.select === false);
}

/** The driver's error without its message, its keyValue and the operation: they all hold the value. */
export function hideCause(cause: object): object {
  const { index, code, codeName, keyPattern, errorLabelSet } = cause as Record<string, unknown>;
  const kept = { index, code, codeName, keyPattern };
  if (!(cause instanceof Error)) return { ...kept, errmsg: MESSAGE };
  const copy = Object.assign(Object.create(Object.getPrototypeOf(cause) as object) as Error, kept);
  // The driver's getter for labels reads that set.
  addHidden(copy, { message: MESSAGE, errorLabelSet });
  setFrames(copy, framesOf(cause));
  return copy;
}

/** For an error that has to stay the same object: its message alone is replaced. */
export function hideMessage(error: Error): void {
  const frames = framesOf(error)();
  error.message = MESSAGE;
  error.stack = `${error.name}: ${MESSAGE}${frames}`;
  // The driver keeps a second copy of the server's answer there.
  if ('errorResponse' in error)
    Reflect.defineProperty(error, 'errorResponse', { enumerable: false });
}
