/** Stage 3: finds the written value, and where it is, for each path of the violated index. */
import { sameValueFor } from '../bson/same-value';
import type { AnyModel } from '../mongoose-internals';
import { UNKNOWN } from '../schema/fragment';
import { isGeoDirection, type KeyPart } from '../schema/index-keys';
import { isPlainPath } from '../schema/plain-path';
import { isTextPattern } from '../schema/unique-index';
import type { Write } from '../write/write';
import { findWrittenKeys } from '../write/written-keys';
import type { ViolatedIndex } from './match-index';
import type { DuplicateKey } from './parse-duplicate-key';
import { mayBeEncoded, toKeyText, toUserValue } from './reported-value';

/** One path of the violated index, with the element's position if it is in an array. */
export interface FieldError {
  /** The path as the index declares it. */
  indexPath: string;
  path: string;
  value: unknown;
}

/** What the server reports about the key that already exists. */
export type ReportedKey = Pick<DuplicateKey, 'keyValue' | 'keyText'> & {
  /** True if its strings are certainly the written ones, not sort keys of a collation. */
  isPlain: boolean;
};

/** One entry for each path of the index. A value that is not known is undefined, never a guess. */
export function findFieldErrors(
  model: AnyModel,
  { keyPattern, isCollated }: ViolatedIndex,
  reported: ReportedKey,
  write: Write,
): FieldError[] {
  const directions = Object.entries(keyPattern);
  // A text index has a key for each word, a geo index for each cell: not one for each element.
  const isComputed = isTextPattern(keyPattern) || Object.values(keyPattern).some(isGeoDirection);
  const groups = isComputed ? directions.map((entry) => [entry]) : [directions];
  return groups.flatMap((group) => {
    const ofGroup = Object.fromEntries(group);
    const keys = findWrittenKeys(write, ofGroup, (path) => isPlainPath(model, path));
    return chooseFields(model, { keyPattern: ofGroup, isCollated }, reported, keys);
  });
}

/** Returns true if this part of a key matches what the server reports for its path. */
type Rule = (part: KeyPart) => boolean;

/** Chooses the written key that the server reports, as far as it can be known. */
function chooseFields(
  model: AnyModel,
  { keyPattern, isCollated }: Pick<ViolatedIndex, 'keyPattern' | 'isCollated'>,
  { keyValue, keyText, isPlain }: ReportedKey,
  keys: KeyPart[][],
): FieldError[] {
  const isSameValue = sameValueFor(model);
  const paths = Object.keys(keyPattern);
  // What the server reports of a geo path is a cell or a hash.
  const isOwn = (path: string) =>
    Object.hasOwn(keyPattern, path) && !isGeoDirection(keyPattern[path]);
  const serverValues = new Map([...keyValue].filter(([path]) => isOwn(path)));
  const isSame: Rule = ({ indexPath, value }) =>
    serverValues.has(indexPath) && isSameValue(value, serverValues.get(indexPath));
  const isUnreported: Rule = ({ indexPath }) => !serverValues.has(indexPath);
  const isUnknown: Rule = ({ value }) => value === UNKNOWN;
  const keysBy = (...rules: Rule[]) =>
    keys.filter((parts) => parts.every((part) => rules.some((rule) => rule(part))));
  // One string that was written as it is reported proves that the key is not encoded.
  const isProven = keys.some((parts) =>
    parts.some((part) => isNonEmpty(part.value) && isSame(part)),
  );
  const isCertain = (path: string) =>
    serverValues.has(path) && (isPlain || isProven || !mayBeEncoded(serverValues.get(path)));

  const findPrinted = () =>
    keys.filter((parts) => keyText !== undefined && keyText === toKeyText(parts, isCollated));
  const fitting = firstNonEmpty([
    () => (serverValues.size === 0 ? findPrinted() : keysBy(isSame, isUnreported)),
    () => keysBy(isSame, isUnreported, isUnknown),
    () => keysBy(isSame, isUnreported, isUnknown, ({ indexPath }) => !isCertain(indexPath)),
  ]);
  const [first, ...others] = fitting;
  const hasPlace = others.every((parts) =>
    parts.every(({ path }, at) => path === first?.[at]?.path),
  );
  return paths.map((indexPath, at) => {
    const part = first?.[at];
    const isAgreed = others.every((parts) => isSameValue(parts[at]?.value, part?.value));
    const isKnown = part !== undefined && part.value !== UNKNOWN && isAgreed;
    const reported = isCertain(indexPath) ? serverValues.get(indexPath) : undefined;
    const path = part !== undefined && hasPlace ? part.path : indexPath;
    return { indexPath, path, value: toUserValue(isKnown ? part.value : reported) };
  });
}

function firstNonEmpty<T>(searches: (() => T[])[]): T[] {
  for (const search of searches) {
    const found = search();
    if (found.length > 0) return found;
  }
  return [];
}

const isNonEmpty = (value: unknown): boolean => typeof value === 'string' && value !== '';
