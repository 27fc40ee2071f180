/** The keys that the server puts into an index for one document. Pure. */
import { isEmbedded, toComparable } from '../bson/comparable';
import type { UniqueIndex } from './unique-index';

/** One value for each path: null where there is none, undefined for an array without elements. */
export type IndexKey = unknown[];

/** The keys in an error or a query: several where an array lies on a path, none where sparse leaves it out. */
export function findIndexKeys(
  { keyPattern, sparse }: UniqueIndex,
  document: Record<string, unknown>,
): IndexKey[] {
  const open = Object.keys(keyPattern).map((path) => ({ rest: path.split('.') }));
  const keys = expand(document, open)
    .filter((slots) => !sparse || slots.some(({ isFound }) => isFound))
    .map((slots) => slots.map(({ value }) => value));
  return [...new Map(keys.map((key) => [toComparable(key), key])).values()];
}

/** A place in an array (`list.0.email`) or in a Map (`map.$*`) makes other keys, or none at all. */
export function hasPlaces({ keyPattern }: UniqueIndex): boolean {
  return Object.keys(keyPattern).some((path) => /(^|\.)(\d+|\$.*)(\.|$)/.test(path));
}

/** A path on its way through the document: what is left of it, or the value at its end. */
interface OpenSlot {
  rest: string[];
}
interface DoneSlot {
  rest?: never;
  value: unknown;
  isFound: boolean;
}
type Slot = OpenSlot | DoneSlot;

/** Follows all paths at once: those that meet the same array take the same element of it. */
function expand(object: Record<string, unknown>, slots: Slot[]): DoneSlot[][] {
  const arrays = new Set<unknown[]>();
  const followed = slots.map((slot): Slot => {
    if (slot.rest === undefined) return slot;
    const { value, rest } = follow(object, slot.rest);
    if (!Array.isArray(value)) return { value: value ?? null, isFound: value !== undefined };
    arrays.add(value as unknown[]);
    return { rest };
  });
  const [array, ...others] = arrays;
  // The server refuses to index two arrays together, so such a document is in no index.
  if (others.length > 0) return [];
  if (array === undefined) return [followed as DoneSlot[]];
  const elements = array.length === 0 ? [undefined] : array;
  return elements.flatMap((element) =>
    expand(
      isEmbedded(element) ? element : {},
      followed.map((slot) => (slot.rest?.length === 0 ? { value: element, isFound: true } : slot)),
    ),
  );
}

/** To the end of the path, or to the first array on it. */
function follow(object: unknown, segments: string[]): { value: unknown; rest: string[] } {
  const [head, ...rest] = segments;
  if (Array.isArray(object) || head === undefined) return { value: object, rest: segments };
  const isThere = isEmbedded(object) && Object.hasOwn(object, head);
  return isThere ? follow(object[head], rest) : { value: undefined, rest: [] };
}
