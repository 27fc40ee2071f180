/** Completes operators so that an insert stores the whole document. Pure. */
import { isAtOrBelow } from '../../schema/path';
import { pathsOf } from '../../write/write';
import {
  isPlainObject,
  withoutEmpty,
  type Fields,
  type Operators,
} from '../prepare/paths-and-values';

/** Adds `$setOnInsert` for all values of `inserted` that the operators do not write. */
export function setRestOnInsert(operators: Operators, inserted: Fields): Operators {
  const rest: Fields = {};
  addRest(inserted, '', pathsOf(operators), rest);
  return withoutEmpty({ ...operators, $setOnInsert: { ...rest, ...operators.$setOnInsert } });
}

/** Adds to `rest` every value whose path is neither in `taken` nor above or below one of its paths. */
function addRest(value: Fields, prefix: string, taken: string[], rest: Fields): void {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix + key;
    if (child === undefined || taken.some((other) => isAtOrBelow(path, other))) continue;
    const isAbove = taken.some((other) => isAtOrBelow(other, path));
    if (!isAbove) rest[path] = child;
    // A Map is an object on the server.
    else if (child instanceof Map)
      addRest(Object.fromEntries(child) as Fields, `${path}.`, taken, rest);
    else if (isPlainObject(child)) addRest(child, `${path}.`, taken, rest);
  }
}
