/** What to do about blocking documents that are no mistake: without a value, or marked as deleted. Pure. */
import {
  adviseDiscriminator,
  adviseMissingValue,
  adviseSoftDelete,
} from '../convert/explain-duplicate';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { findPathTypes, hasPath } from '../schema/find-path-types';
import { baseOf, modelsOfCollection } from '../schema/unique-index';
import type { IndexSpec } from './declared-index';
import type { Blocking, BlockingGroup } from './find-blocking';

/** The key of documents without a value; a hidden value is not in the report. */
export function isOfMissingValues({ key }: BlockingGroup): boolean {
  const values = Object.values(key);
  return values.length > 0 && values.every((value) => value === null);
}

/** Undefined where every document has a value, or must have one by the schema or the index. */
export function adviseOptional(
  model: AnyModel,
  { keyPattern, sparse, partialFilterExpression }: IndexSpec,
  { groups }: Blocking,
): string | undefined {
  if (partialFilterExpression !== undefined || !groups.some(isOfMissingValues)) return undefined;
  const path = Object.keys(keyPattern).find((one) => !isRequired(model, one));
  if (path === undefined) return undefined;
  const owner = findDiscriminator(model, path);
  if (owner !== undefined) return adviseDiscriminator(owner);
  // For stored documents, required alone changes nothing.
  const first = 'Give these documents a value and make the path required';
  return adviseMissingValue(model, path, sparse === true, first);
}

/** The one that has a path which its base does not have: all other documents count as null there. */
function findDiscriminator(model: AnyModel, path: string): AnyModel | undefined {
  const [base, ...others] = [baseOf(model), ...Object.values(model.discriminators ?? {})];
  const hasIt = ({ schema }: { schema: object }): boolean => hasPath(schema as AnySchema, path);
  return hasIt(base) ? undefined : (others.find(hasIt) as AnyModel | undefined);
}

/** The same for documents that may be marked as deleted, where the schema has a path for that. */
export function adviseDeleted(
  model: AnyModel,
  declared: IndexSpec,
  { groups }: Blocking,
): string | undefined {
  return groups.every(isOfMissingValues) ? undefined : adviseSoftDelete(model, declared);
}

function isRequired(model: AnyModel, path: string): boolean {
  return modelsOfCollection(model).some(({ schema }) =>
    findPathTypes(schema as AnySchema, path).at.some(({ options }) => options?.required === true),
  );
}
