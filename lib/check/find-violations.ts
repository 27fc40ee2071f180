/** Asks the server which unique indexes a document violates: one bounded query for each index. */
import type { ClientSession } from 'mongoose';
import { toComparable } from '../bson/comparable';
import type { AnyModel } from '../mongoose-internals';
import type { IndexKey } from '../schema/index-keys';
import type { UniqueIndex } from '../schema/unique-index';
import type { KnownDocument } from './known-document';
import { toLookup, type Lookup } from './to-lookup';

/** An index whose key another document holds, and that key. */
export interface Violation {
  index: UniqueIndex;
  key: IndexKey;
}

export interface LookupOptions {
  session?: ClientSession | null | undefined;
  maxTimeMS?: number;
}

/** In the order of `indexes`. Rejects with the error of the server or the network. */
export async function findViolations(
  model: AnyModel,
  known: KnownDocument,
  indexes: UniqueIndex[],
  options: LookupOptions,
): Promise<Violation[]> {
  const lookups = indexes.flatMap((index) => toLookup(index, known) ?? []);
  const asked = lookups.filter(({ index }) => canExclude(known, index));
  const ask = (lookup: Lookup) => findViolation(model, known, lookup, options);
  const found: (Violation | undefined)[] = [];
  // A session takes one operation at a time.
  if (options.session) for (const lookup of asked) found.push(await ask(lookup));
  else found.push(...(await Promise.all(asked.map(ask))));
  return found.filter((one) => one !== undefined);
}

/** A filter finds the same document only under the collation that it was written under. */
function canExclude({ own }: KnownDocument, { collation }: UniqueIndex): boolean {
  if (own === undefined || '_id' in own) return true;
  return JSON.stringify(collation) === JSON.stringify(own.collation);
}

async function findViolation(
  model: AnyModel,
  known: KnownDocument,
  { index, keys, toFilter }: Lookup,
  options: LookupOptions,
): Promise<Violation | undefined> {
  const isHeld = (some: IndexKey[]) => isFound(model, known, index, toFilter(some), options);
  if (!(await isHeld(keys))) return undefined;
  // Most indexes have one key for a document; of several, which one is asked only where it matters.
  for (const key of keys) if (keys.length === 1 || (await isHeld([key]))) return { index, key };
  return undefined;
}

/** Does another document match? Of those that do, no more are read than it takes to know. */
async function isFound(
  model: AnyModel,
  { own }: KnownDocument,
  { collation }: UniqueIndex,
  filter: object,
  { session, maxTimeMS }: LookupOptions,
): Promise<boolean> {
  const isOwn = (_id: unknown) =>
    own !== undefined && '_id' in own && toComparable(own._id) === toComparable(_id);
  const options = {
    projection: { _id: 1 },
    limit: own !== undefined && '_id' in own ? 2 : 1,
    readPreference: 'primary',
    // Numbers as they are stored: as JavaScript's, two large ones may look alike.
    promoteValues: false,
    useBigInt64: false,
    ...(collation && { collation }),
    ...(session && { session }),
    ...(maxTimeMS !== undefined && { maxTimeMS }),
  };
  const asked = own && 'filter' in own ? { ...filter, $nor: [own.filter] } : filter;
  // Past Mongoose's queries, whose middleware may add to them and leave documents out. Until the
  // connection is open it returns a promise of the cursor.
  const cursor = await (model.collection.find(asked, options as object) as unknown as Promise<{
    toArray(): Promise<{ _id: unknown }[]>;
  }>);
  const documents = await cursor.toArray();
  return documents.some(({ _id }) => !isOwn(_id));
}
