import { isObject } from '../../options/is-object';

/**
 * Mongoose fills an update that is empty with a copy of the filter, as `$setOnInsert`. With what
 * middleware has added to the filter, such as `{ deleted: { $ne: true } }` or `$or`, a new document
 * would store the operators.
 */
export function removeCopiedFilter(update: unknown, filter: object): unknown {
  // Mongoose sets `$setOnInsert` on the array of a pipeline, too.
  if (!isObject(update) || Array.isArray(update)) return update;
  const copied = new Map(Object.entries(filter));
  const entries = Object.entries(update['$setOnInsert'] ?? {}).filter(
    ([path, value]) => value !== copied.get(path) || !(path.startsWith('$') || hasOperators(value)),
  );
  return { ...update, $setOnInsert: Object.fromEntries(entries) };
}

function hasOperators(value: unknown): boolean {
  return isObject(value) && Object.keys(value).some((name) => name.startsWith('$'));
}
