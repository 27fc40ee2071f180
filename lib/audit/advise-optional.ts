/** Advice on blocking documents that are not duplicates by mistake: without a value, or deleted. Pure. */
import {
  adviseDiscriminator,
  adviseMissingValue,
  adviseSoftDelete,
} from '../convert/explain-duplicate';
import type { AnyModel, AnySchema } from '../mongoose-internals';
import { findPathTypes, hasPath } from '../schema/find-path-types';
import { baseOf, schemasOfCollection } from '../schema/unique-index';
import type { IndexSpec } from './declared-index';
import type { Blocking, BlockingGroup } from './find-blocking';

/** True for the key of documents without a value. A hidden value is not in the report, so it never counts. */
export function isOfMissingValues({ key }: BlockingGroup): boolean {
  const values = Object.values(key);
  return values.length > 0 && values.every((value) => value === null);
}

/** Undefined if no blocking document lacks a value, if the path is required, or if the index is partial. */
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
  // `required` does not change stored documents.
  const first = 'Give these documents a value and make the path required';
  return adviseMissingValue(model, path, sparse === true, first);
}

/** The discriminator that declares a path which its base does not have. */
function findDiscriminator(model: AnyModel, path: string): AnyModel | undefined {
  const [base, ...others] = [baseOf(model), ...Object.values(model.discriminators ?? {})];
  const declares = ({ schema }: { schema: object }): boolean => hasPath(schema as AnySchema, path);
  return declares(base) ? undefined : (others.find(declares) as AnyModel | undefined);
}

/** Advice on documents that are marked as deleted, if the schema has a path for that. */
export function adviseDeleted(
  model: AnyModel,
  declared: IndexSpec,
  { groups }: Blocking,
): string | undefined {
  return groups.every(isOfMissingValues) ? undefined : adviseSoftDelete(model, declared);
}

function isRequired(model: AnyModel, path: string): boolean {
  return schemasOfCollection(model).some((schema) =>
    findPathTypes(schema, path).at.some(({ options }) => options?.required === true),
  );
}
