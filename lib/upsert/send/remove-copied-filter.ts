/** Removes conditions of the filter that Mongoose has copied into `$setOnInsert`. Pure. */
import { isObject } from '../../options/is-object';

/**
 * Mongoose copies the filter into `$setOnInsert` of an empty update. If middleware has added a condition
 * to the filter, such as `{ deleted: { $ne: true } }` or `$or`, a new document would store its operators.
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
