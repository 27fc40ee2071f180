/** Recognises documents that block an index because they have no value for it. Pure. */
import { adviseMissingValue } from '../convert/explain-duplicate';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { findPathTypes } from '../schema/find-path-types';
import { modelsOfCollection } from '../schema/unique-index';
import type { IndexSpec } from './declared-index';
import type { Blocking, BlockingGroup } from './find-blocking';

/** The key of documents without a value; a hidden value is not in the report. */
export function isOfMissingValues({ key }: BlockingGroup): boolean {
  const values = Object.values(key);
  return values.length > 0 && values.every((value) => value === null);
}

/** Undefined where no document lacks a value, or where the index or the schema makes it no option. */
export function adviseOptional(
  model: AnyModel,
  { keyPattern, sparse, partialFilterExpression }: IndexSpec,
  { groups }: Blocking,
): string | undefined {
  if (partialFilterExpression !== undefined || !groups.some(isOfMissingValues)) return undefined;
  const path = Object.keys(keyPattern).find((one) => !isRequired(model, one));
  return path === undefined ? undefined : adviseMissingValue(model, path, sparse === true);
}

function isRequired(model: AnyModel, path: string): boolean {
  return modelsOfCollection(model).some(({ schema }) =>
    findPathTypes(schema as AnySchema, path).at.some(({ options }) => options?.required === true),
  );
}
