/** Finds the unique indexes that a document violates: one query with a limit for each index. */
import type { ClientSession } from 'mongoose';
import { toComparable } from '../bson/comparable';
import type { AnyModel } from '../mongoose-internals';
import type { IndexKey } from '../schema/index-keys';
import type { UniqueIndex } from '../schema/unique-index';
import type { KnownDocument } from './known-document';
import { toLookup, type Lookup } from './to-lookup';

/** A violated index, and the key that another document already has. */
export interface Violation {
  index: UniqueIndex;
  key: IndexKey;
}

export interface LookupOptions {
  session?: ClientSession | null | undefined;
  maxTimeMS?: number;
}

/** In the order of `indexes`. @throws the error of the server or the network */
export async function findViolations(
  model: AnyModel,
  known: KnownDocument,
  indexes: UniqueIndex[],
  options: LookupOptions,
): Promise<Violation[]> {
  const lookups = indexes.flatMap((index) => toLookup(index, known) ?? []);
  const possible = lookups.filter(({ index }) => canExclude(known, index));
  const find = (lookup: Lookup) => findViolation(model, known, lookup, options);
  const found: (Violation | undefined)[] = [];
  // A session takes one operation at a time.
  if (options.session) for (const lookup of possible) found.push(await find(lookup));
  else found.push(...(await Promise.all(possible.map(find))));
  return found.filter((one) => one !== undefined);
}

/** False if the excluded document is known by a filter that was written for another collation. */
function canExclude({ excluded }: KnownDocument, { collation }: UniqueIndex): boolean {
  if (excluded === undefined || '_id' in excluded) return true;
  return JSON.stringify(collation) === JSON.stringify(excluded.collation);
}

async function findViolation(
  model: AnyModel,
  known: KnownDocument,
  { index, keys, toFilter }: Lookup,
  options: LookupOptions,
): Promise<Violation | undefined> {
  const isDuplicate = (some: IndexKey[]) =>
    hasDuplicate(model, known, index, toFilter(some), options);
  if (!(await isDuplicate(keys))) return undefined;
  // Usually a document has one key in an index. Only for several keys, further queries find which one.
  for (const key of keys)
    if (keys.length === 1 || (await isDuplicate([key]))) return { index, key };
  return undefined;
}

/** True if a document other than the excluded one matches. Reads at most two documents. */
async function hasDuplicate(
  model: AnyModel,
  { excluded }: KnownDocument,
  { collation }: UniqueIndex,
  filter: object,
  { session, maxTimeMS }: LookupOptions,
): Promise<boolean> {
  const excludedId = excluded && '_id' in excluded ? toComparable(excluded._id) : undefined;
  const options = {
    projection: { _id: 1 },
    limit: excludedId === undefined ? 1 : 2,
    readPreference: 'primary',
    // The stored number types: two large numbers may be equal as JavaScript numbers.
    promoteValues: false,
    useBigInt64: false,
    ...(collation && { collation }),
    ...(session && { session }),
    ...(maxTimeMS !== undefined && { maxTimeMS }),
  };
  const selected =
    excluded && 'filter' in excluded ? { ...filter, $nor: [excluded.filter] } : filter;
  // Not a Mongoose query, whose middleware could exclude documents. Until the connection is open, find()
  // returns a promise of the cursor.
  const cursor = await (model.collection.find(selected, options as object) as unknown as Promise<{
    toArray(): Promise<{ _id: unknown }[]>;
  }>);
  const documents = await cursor.toArray();
  return documents.some(({ _id }) => toComparable(_id) !== excludedId);
}
