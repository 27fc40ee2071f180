/** Completes operators so that an insert stores the whole document. Pure. */
import { prefixesOf } from '../../schema/path';
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
  const taken = new Set(pathsOf(operators));
  const aboveTaken = new Set<string>();
  for (const path of taken) {
    if (path.includes('.')) for (const prefix of prefixesOf(path)) aboveTaken.add(prefix);
  }
  addRest(inserted, '', taken, aboveTaken, rest);
  return withoutEmpty({ ...operators, $setOnInsert: { ...rest, ...operators.$setOnInsert } });
}

/** Adds to `rest` every value whose path is neither taken nor above or below a path that is. */
function addRest(
  value: Fields,
  prefix: string,
  taken: Set<string>,
  aboveTaken: Set<string>,
  rest: Fields,
): void {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix + key;
    // Its parents are not taken: otherwise this value would not have been reached.
    if (child === undefined || taken.has(path)) continue;
    if (!aboveTaken.has(path)) rest[path] = child;
    // A Map is an object on the server.
    else if (child instanceof Map)
      addRest(Object.fromEntries(child) as Fields, `${path}.`, taken, aboveTaken, rest);
    else if (isPlainObject(child)) addRest(child, `${path}.`, taken, aboveTaken, rest);
  }
}
