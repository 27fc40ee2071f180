/** Finds, in what a write sent, the keys that it put into an index. Pure. */
import { isObject } from '../options/is-object';
import { Fragment, UNKNOWN } from '../schema/fragment';
import { findDocumentKeys, type KeyPart } from '../schema/index-keys';
import { isAtOrBelow, withoutPositions } from '../schema/path';
import { findEqualities, isPathUpdated, isTouched, type Write } from './write';

type KeyPattern = Record<string, unknown>;

/**
 * The possible keys of a write: one for each element of an array on a path, and one for each possible
 * effect of the write. One of them is the key in the index. Values that are not known are `UNKNOWN`, never
 * guessed. `isPlain` returns true for paths whose value an equality of the filter identifies.
 */
export function findWrittenKeys(
  write: Write,
  keyPattern: KeyPattern,
  isPlain: (path: string) => boolean = () => false,
): KeyPart[][] {
  const peeked = Object.keys(keyPattern).map((path): KeyPart => {
    return { indexPath: path, path, value: write.peek?.(path), isFound: true };
  });
  if (peeked.every(({ value }) => value !== undefined)) return [peeked];
  const keys =
    write.document === undefined
      ? findUpdatedKeys(write, keyPattern, isPlain)
      : findDocumentKeys(keyPattern, write.document).map((parts) =>
          parts.map((part) => (part.isFound ? part : toMissing(write, part))),
        );
  return keys.map((parts) =>
    parts.map((part) => (part.value === undefined ? { ...part, value: [] } : part)),
  );
}

/** What the index holds for a path that the document does not have. */
function toMissing({ filter, isComplete, loaded }: Write, part: KeyPart): KeyPart {
  const { indexPath: path } = part;
  // A replacement with upsert takes only the _id from its filter.
  const [ofFilter] = path === '_id' ? findEqualities(filter, path) : [];
  if (ofFilter !== undefined) return { ...part, ...ofFilter, isFound: true };
  const isChanged = loaded?.changed.some((one) => isAtOrBelow(path, withoutPositions(one)));
  const isKnown = isComplete === true || isChanged === true || loaded?.isRead(path) === true;
  return isKnown ? part : { ...part, value: UNKNOWN };
}

function findUpdatedKeys(
  write: Write,
  keyPattern: KeyPattern,
  isPlain: (path: string) => boolean,
): KeyPart[][] {
  const { update = {}, mayInsert } = write;
  const paths = Object.keys(keyPattern);
  // If the update changes an indexed path of a document that exists, it is not known whether the
  // upsert inserted. If it changes none, only an insert can be a duplicate.
  const isEither = paths.some((path) => isPathUpdated(write, path)) && '$setOnInsert' in update;
  const ways = mayInsert === false ? [false] : isEither ? [true, false] : [true];
  return ways
    .flatMap((isInsert) => findDocumentKeys(keyPattern, toFragment(update, isInsert)))
    .flatMap((parts) => addEqualities(write, parts, isPlain));
}

/** A path that the update does not write keeps the value that the filter requires. */
function addEqualities(
  write: Write,
  parts: KeyPart[],
  isPlain: (path: string) => boolean,
): KeyPart[][] {
  let keys: KeyPart[][] = [[]];
  for (const part of parts) {
    const { indexPath, value } = part;
    const isKept = value === UNKNOWN && !isTouched(write.update, indexPath);
    const equalities = isKept ? findEqualities(write.filter, indexPath) : [];
    const known = equalities.map((one): KeyPart => ({ ...part, ...one, isFound: true }));
    // In an array, another element may be the duplicate.
    const isCertain = known.length === 1 && isPlain(indexPath);
    const alternatives = isCertain ? known : [...known, part];
    keys = keys.flatMap((key) => alternatives.map((one) => [...key, one]));
  }
  return keys;
}

/** The fields that the update writes. An upsert that found a document does not write `$setOnInsert`. */
function toFragment(update: object, isInsert: boolean): Fragment {
  const fragment = new Fragment();
  // A pipeline computes its values on the server.
  for (const [operator, operand] of Array.isArray(update) ? [] : Object.entries(update)) {
    // Before Mongoose has cast an update, it may have paths beside its operators.
    const isOperator = operator.startsWith('$') && isObject(operand);
    if (!isOperator || (operator === '$setOnInsert' && !isInsert)) continue;
    for (const [path, value] of Object.entries(operand as object) as [string, unknown][]) {
      write(fragment, operator, path, value);
    }
  }
  return fragment;
}

function write(fragment: Fragment, operator: string, path: string, value: unknown): void {
  if (operator === '$set' || operator === '$setOnInsert') fragment.set(path, value);
  else if (operator === '$push' || operator === '$addToSet') {
    // The elements' positions depend on the document.
    for (const [at, element] of newElements(value).entries()) {
      fragment.set(`${path}.$${String(at)}`, element);
    }
  } else if (operator === '$unset') fragment.set(path, undefined);
  else {
    fragment.set(path, UNKNOWN);
    if (operator === '$rename') fragment.set(String(value), UNKNOWN);
  }
}

function newElements(value: unknown): unknown[] {
  const isMany = isObject(value) && '$each' in value;
  if (!isMany) return [value];
  return [value.$each].flat();
}
