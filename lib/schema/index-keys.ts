/** The keys that the server puts into an index for one document. Pure. */
import { isEmbedded, toComparable } from '../bson/comparable';
import { Fragment, UNKNOWN } from './fragment';
import { isPosition } from './path';
import type { UniqueIndex } from './unique-index';

/** One value for each path: null if it is missing, undefined for an empty array. */
export type IndexKey = unknown[];

/** One path of a key: its value, as in an {@link IndexKey}, and where it is in the document. */
export interface KeyPart {
  /** The path as the index declares it. */
  indexPath: string;
  /** Such as `contacts.1.email`; the index's own path if the position is not known. */
  path: string;
  /** `UNKNOWN` if the document is a fragment without this value. */
  value: unknown;
  /** False if the document has no such path, or if that is not known. */
  isFound: boolean;
}

/** The different keys of the document; none if `sparse` excludes it. */
export function findIndexKeys(
  { keyPattern, sparse }: UniqueIndex,
  document: Record<string, unknown>,
): IndexKey[] {
  const keys = findDocumentKeys(keyPattern, document)
    .filter((parts) => !sparse || parts.some(({ isFound }) => isFound))
    .map((parts) => parts.map(({ value }) => value));
  return [...new Map(keys.map((key) => [toComparable(key), key])).values()];
}

/** One key, or one for each element of an array on a path. Each part has the path of its value. */
export function findDocumentKeys(
  keyPattern: Record<string, unknown>,
  document: object,
): KeyPart[][] {
  const slots = Object.entries(keyPattern).map(([indexPath, direction]): OpenSlot => {
    const isGeo = isGeoDirection(direction);
    return { indexPath, isGeo, at: [], rest: indexPath.split('.') };
  });
  // Calls toBSON() once for each object, so that two paths through its array find the same array.
  const opened = new Map<object, object>();
  return expand(document, slots, (value) => {
    const known = opened.get(value) ?? (hasToBSON(value) ? value.toBSON() : value);
    opened.set(value, known);
    return known as Record<string, unknown>;
  });
}

/** True for a path with an array position (`list.0.email`) or a Map key (`map.$*`): its keys differ. */
export function hasPositions({ keyPattern }: UniqueIndex): boolean {
  return Object.keys(keyPattern).some((path) => /(^|\.)(\d+(\.|$)|\$)/.test(path));
}

/** The server computes the keys of a geo index: cells and hashes, not values. */
export function isGeoDirection(direction: unknown): boolean {
  return typeof direction === 'string' && direction.startsWith('2d');
}

/** How far one path has been followed through the document. */
interface OpenSlot {
  indexPath: string;
  isGeo: boolean;
  /** The segments so far; undefined after an element whose position is not known. */
  at: string[] | undefined;
  rest: string[];
}
type Slot = OpenSlot | KeyPart;
type Open = (value: object) => Record<string, unknown>;

/** Follows all paths together: paths through the same array use the same element of it. */
function expand(object: unknown, slots: Slot[], open: Open): KeyPart[][] {
  const arrays = new Map<unknown, Element[]>();
  const followed = slots.map((slot): Slot => {
    if (!isOpen(slot)) return slot;
    const { value, ...there } = follow(object, slot, open);
    const elements = isPoint(value, there) ? undefined : elementsOf(value);
    if (elements === undefined) return toPart(there, value);
    arrays.set(value, elements);
    return there;
  });
  const [elements, ...others] = arrays.values();
  // The server refuses to index two arrays together, so such a document is in no index.
  if (others.length > 0) return [];
  if (elements === undefined) return [followed as KeyPart[]];
  if (elements.length === 0) {
    // At the end of a path the server indexes an empty array as a value of its own.
    const toEmpty = (slot: OpenSlot): KeyPart =>
      slot.rest.length > 0
        ? toPart(slot, undefined)
        : { ...toPart(slot, undefined), value: undefined, isFound: true };
    return [followed.map((slot) => (isOpen(slot) ? toEmpty(slot) : slot))];
  }
  return elements.flatMap(({ position, value }) => {
    const inElement = followed.map((slot): Slot => {
      if (!isOpen(slot)) return slot;
      const at =
        position === undefined || slot.at === undefined ? undefined : [...slot.at, position];
      const there = { ...slot, at };
      return slot.rest.length === 0 ? toPart(there, value ?? null) : there;
    });
    // An array inside an array counts as one value.
    return expand(Array.isArray(value) ? {} : value, inElement, open);
  });
}

const isOpen = (slot: Slot): slot is OpenSlot => 'rest' in slot;

/** To the end of the path, or to the first array on it; a path may itself contain a position. */
function follow(value: unknown, slot: OpenSlot, open: Open): OpenSlot & { value: unknown } {
  const [head, ...rest] = slot.rest;
  const isEnd = value === UNKNOWN || head === undefined;
  if (isEnd || (elementsOf(value) !== undefined && !isPosition(head))) return { ...slot, value };
  const at = slot.at && [...slot.at, head];
  return follow(fieldOf(value, head, open), { ...slot, at, rest }, open);
}

function fieldOf(value: unknown, name: string, open: Open): unknown {
  if (value instanceof Fragment) {
    return value.children.has(name) ? value.children.get(name) : UNKNOWN;
  }
  if (value instanceof Map) return value.get(name);
  if (Array.isArray(value)) return value[Number(name)];
  const fields = isEmbedded(value) ? open(value) : {};
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

interface Element {
  /** Undefined if it depends on the stored document. */
  position: string | undefined;
  value: unknown;
}

function elementsOf(value: unknown): Element[] | undefined {
  if (Array.isArray(value)) {
    return Array.from(value as unknown[], (one, index) => ({
      position: String(index),
      value: one,
    }));
  }
  if (!(value instanceof Fragment && value.isArray)) return undefined;
  return Array.from(value.children, ([name, one]) => ({
    position: isPosition(name) ? name : undefined,
    value: one,
  }));
}

/** `[longitude, latitude]` is one value of a geo index. */
function isPoint(value: unknown, { isGeo, rest }: OpenSlot): boolean {
  return isGeo && rest.length === 0 && Array.isArray(value) && typeof value[0] === 'number';
}

function toPart({ indexPath, at, rest }: OpenSlot, value: unknown): KeyPart {
  const path = at === undefined ? indexPath : [...at, ...rest].join('.');
  if (value === UNKNOWN || value instanceof Fragment)
    return { indexPath, path, value: UNKNOWN, isFound: false };
  return { indexPath, path, value: value ?? null, isFound: value !== undefined };
}

/** What Mongoose passes to the driver may contain documents and subdocuments. */
function hasToBSON(value: object): value is { toBSON(): Record<string, unknown> } {
  return 'toBSON' in value && typeof value.toBSON === 'function';
}
