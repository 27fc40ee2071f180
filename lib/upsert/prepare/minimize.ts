/** The schema option `minimize` for an update: empty objects are not stored. Pure. */
import { isPlainObject, withoutEmpty, type Fields, type Operators } from './paths-and-values';

/** Unsets paths whose value is empty, as `save()` does. Returns the same object if nothing is empty. */
export function minimize(operators: Operators): Operators {
  const { $set = {}, $unset } = operators;
  if (!Object.values($set).some(isPlainObject)) return operators;
  const entries = Object.entries($set).map(
    ([path, value]) => [path, withoutEmptyIn(value)] as const,
  );
  if (entries.every(([path, value]) => value === $set[path])) return operators;
  const stored = entries.filter(([, value]) => value !== undefined);
  const empty = entries.filter(([, value]) => value === undefined).map(([path]) => [path, 1]);
  return withoutEmpty({
    ...operators,
    $set: Object.fromEntries(stored),
    $unset: { ...$unset, ...(Object.fromEntries(empty) as Fields) },
  });
}

/** Returns undefined for an object that becomes empty. Array elements stay as they are. */
function withoutEmptyIn(value: unknown): unknown {
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, withoutEmptyIn(one)] as const);
  const left = entries.filter(([, one]) => one !== undefined);
  if (left.length === 0) return undefined;
  const isSame = left.length === entries.length && left.every(([key, one]) => one === value[key]);
  return isSame ? value : Object.fromEntries(left);
}
