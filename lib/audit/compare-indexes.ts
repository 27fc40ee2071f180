/** Compares an index that a schema declares with the indexes of the collection. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { isSamePattern, isTextPattern } from '../schema/unique-index';
import type { CollectionIndexes, DatabaseIndex } from './database-index';
import type { IndexSpec } from './declared-index';

/**
 * How a declared unique index compares with the database:
 *
 * - `ok`: it exists as declared.
 * - `missing`: it does not exist, so nothing prevents duplicates.
 * - `cannot be built`: nothing prevents duplicates, and the server refuses to build the index:
 *   `obstacle` says why and what to do.
 * - `not unique`: an index on the same keys exists, without `unique`.
 * - `different`: an index exists with another name, other keys or other options: see `differences`.
 * - `building`: it is being built. Until it is built, nothing prevents duplicates.
 */
export type IndexStatus =
  'ok' | 'missing' | 'cannot be built' | 'not unique' | 'different' | 'building';

/** One difference between the declared index and the index of the database. */
export interface IndexDifference {
  /** The option that differs. */
  option: 'name' | 'keyPattern' | 'sparse' | 'partialFilterExpression' | 'collation';
  /** The value in the schema; undefined if the option is not set. */
  declared: unknown;
  /** The value in the database; undefined if the option is not set. */
  actual: unknown;
}

export interface IndexComparison {
  status: IndexStatus;
  differences: IndexDifference[];
  /** The index of the database that it was compared with. Unset if it is missing. */
  actual?: DatabaseIndex;
}

/** Makes values plain, because two copies of the driver have different classes for ids and numbers. */
export type ToPlain = (value: object) => unknown;

export function compareIndex(
  declared: IndexSpec,
  existing: CollectionIndexes,
  toPlain: ToPlain,
): IndexComparison {
  const [nearest] = existing.indexes
    .map((actual) => ({
      actual,
      differences: findDifferences(declared, actual.spec, existing.defaultCollation, toPlain),
    }))
    .filter(({ actual }) => isCandidate(declared, actual))
    .sort((a, b) => distance(a) - distance(b));
  if (nearest === undefined) return { status: 'missing', differences: [] };
  return { ...nearest, status: toStatus(nearest) };
}

type Compared = Required<Omit<IndexComparison, 'status'>>;

/** True if it has the same name or keys, or is unique on the same paths in another order. */
function isCandidate(declared: IndexSpec, { spec, isUnique }: DatabaseIndex): boolean {
  return (
    spec.name === declared.name ||
    isSamePattern(declared.keyPattern, spec.keyPattern) ||
    (isUnique && isOnSamePaths(declared, spec))
  );
}

/** Keys weigh more than uniqueness, and uniqueness more than the other options. */
function distance({ actual, differences }: Compared): number {
  const weights = differences.map(({ option }) => (option === 'keyPattern' ? 20 : 1));
  return weights.reduce((sum, weight) => sum + weight, actual.isUnique ? 0 : 10);
}

function toStatus({ actual, differences }: Compared): IndexStatus {
  if (differences.some(({ option }) => option === 'keyPattern')) return 'different';
  if (!actual.isUnique) return 'not unique';
  if (differences.length > 0) return 'different';
  return actual.isBuilding ? 'building' : 'ok';
}

export function findDifferences(
  declared: IndexSpec,
  actual: IndexSpec,
  defaultCollation: CollectionIndexes['defaultCollation'],
  toPlain: ToPlain,
): IndexDifference[] {
  // isDeepStrictEqual ignores the order of paths, which does not matter in a filter.
  const isSame = (a: unknown, b: unknown): boolean =>
    isDeepStrictEqual(toPlain({ value: a }), toPlain({ value: b }));
  const differences: (IndexDifference | undefined)[] = [
    ...(['name', 'sparse', 'partialFilterExpression'] as const).map((option) =>
      isSame(declared[option], actual[option])
        ? undefined
        : { option, declared: declared[option], actual: actual[option] },
    ),
    isSamePattern(declared.keyPattern, actual.keyPattern)
      ? undefined
      : { option: 'keyPattern', declared: declared.keyPattern, actual: actual.keyPattern },
    findCollationDifference(declared, actual, defaultCollation),
  ];
  return differences.filter((one) => one !== undefined);
}

/** The server's defaults that are the same in every locale. */
const COLLATION_DEFAULTS = {
  strength: 3,
  caseLevel: false,
  numericOrdering: false,
  maxVariable: 'punct',
};

/**
 * The server lists every setting. Only declared settings, and those with the same default in every locale,
 * are compared.
 */
function findCollationDifference(
  { collation, keyPattern }: IndexSpec,
  actual: IndexSpec,
  defaultCollation: CollectionIndexes['defaultCollation'],
): IndexDifference | undefined {
  // An index without a collation inherits the collection's; a text index does not.
  const inherited = isTextPattern(keyPattern) ? undefined : defaultCollation;
  const declared = unlessSimple(collation === undefined ? inherited : collation);
  const expected = declared && { ...COLLATION_DEFAULTS, ...declared };
  const found = unlessSimple(actual.collation);
  const shown =
    found && Object.fromEntries(Object.keys(expected ?? found).map((name) => [name, found[name]]));
  return isDeepStrictEqual(expected, shown)
    ? undefined
    : { option: 'collation', declared, actual: found && shorten(found) };
}

/** Binary comparison is listed as no collation, or as `simple`. */
function unlessSimple(collation: Record<string, unknown> | undefined) {
  return collation?.['locale'] === 'simple' ? undefined : collation;
}

/** Locale, strength, and all settings that are not the default. */
function shorten(collation: Record<string, unknown>): Record<string, unknown> {
  const usual = {
    ...COLLATION_DEFAULTS,
    caseFirst: 'off',
    alternate: 'non-ignorable',
    normalization: false,
    backwards: false,
  };
  return Object.fromEntries(
    Object.entries(collation).filter(
      ([name, value]) => name === 'strength' || usual[name as keyof typeof usual] !== value,
    ),
  );
}

export function isOnSamePaths(a: IndexSpec, b: IndexSpec): boolean {
  const [ofA, ofB] = [Object.keys(a.keyPattern).sort(), Object.keys(b.keyPattern).sort()];
  return isDeepStrictEqual(ofA, ofB);
}
