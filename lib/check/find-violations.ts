/** Asks the server which unique indexes a document violates: one query for each collation in use. */
import type { ClientSession } from 'mongoose';
import { toComparable } from '../bson/comparable';
import type { AnyModel } from '../mongoose-internals';
import { findIndexKeys, type IndexKey } from '../schema/index-keys';
import { isSelected, pathsOfFilter } from '../schema/partial-filter';
import { prefixesOf } from '../schema/path';
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
  const groups = groupByCollation(lookups).filter((group) => canExclude(known, group));
  const found: Violation[] = [];
  if (options.session) {
    // A session takes one operation at a time.
    for (const group of groups) found.push(...(await send(model, known, group, options)));
  } else {
    const answers = groups.map((group) => send(model, known, group, options));
    found.push(...(await Promise.all(answers)).flat());
  }
  return indexes.flatMap((index) => found.find((one) => one.index === index) ?? []);
}

function groupByCollation(lookups: Lookup[]): Lookup[][] {
  const groups = new Map<string | undefined, Lookup[]>();
  for (const lookup of lookups) {
    const collation = JSON.stringify(lookup.index.collation);
    groups.set(collation, [...(groups.get(collation) ?? []), lookup]);
  }
  return [...groups.values()];
}

/** A filter finds the same document only under the collation that it was written under. */
function canExclude({ own }: KnownDocument, [lookup]: Lookup[]): boolean {
  if (own === undefined || '_id' in own) return true;
  return JSON.stringify(lookup?.index.collation) === JSON.stringify(own.collation);
}

async function send(
  model: AnyModel,
  { own }: KnownDocument,
  lookups: Lookup[],
  { session, maxTimeMS }: LookupOptions,
): Promise<Violation[]> {
  const excluded = own && 'filter' in own ? { $nor: [own.filter] } : {};
  const branches = lookups.flatMap((lookup) => lookup.branches);
  const filters = branches.map((branch) => ({ ...branch, ...excluded }));
  const filter = filters.length === 1 ? { ...filters[0] } : { $or: filters };
  const collation = lookups[0]?.index.collation;
  const options = {
    projection: toProjection(lookups),
    readPreference: 'primary',
    // Numbers as they are stored: as JavaScript's, two large ones may look alike.
    promoteValues: false,
    useBigInt64: false,
    ...(collation && { collation }),
    ...(session && { session }),
    ...(maxTimeMS !== undefined && { maxTimeMS }),
  };
  // Past Mongoose's queries, whose middleware may add to them and leave documents out. Until the
  // connection is open it returns a promise of the cursor.
  const cursor = await (model.collection.find(filter, options as object) as unknown as Promise<{
    toArray(): Promise<Record<string, unknown>[]>;
  }>);
  const documents = (await cursor.toArray()).filter(
    ({ _id }) => !(own && '_id' in own && toComparable(own._id) === toComparable(_id)),
  );
  return lookups.flatMap((lookup, at) => {
    const inIndex = documents.filter((document) => isInIndex(lookup.index, document));
    const key = collation ? findFlagged(lookup, at, inIndex) : findSameKey(lookup, inIndex);
    return key === undefined ? [] : { index: lookup.index, key };
  });
}

/** What identifies the violated indexes: the paths, or under a collation whether the keys are equal. */
function toProjection(lookups: Lookup[]): Record<string, unknown> {
  const paths = new Set(['_id']);
  let flags = {};
  for (const [at, { index, keys }] of lookups.entries()) {
    for (const path of pathsOfFilter(index.builtFilter)) paths.add(path);
    if (index.collation) flags = { ...flags, [flagOf(at)]: toFlags(index, keys) };
    else for (const path of Object.keys(index.keyPattern)) paths.add(path);
  }
  // The server refuses a path below another.
  const outermost = [...paths].filter((path) =>
    prefixesOf(path).every((prefix) => prefix === path || !paths.has(prefix)),
  );
  return { ...Object.fromEntries(outermost.map((path) => [path, 1])), ...flags };
}

/** A document that another index found may be outside of a partial one. */
function isInIndex(index: UniqueIndex, document: Record<string, unknown>): boolean {
  const { builtFilter: expression } = index;
  const stored = { document, isKnown: () => true };
  return expression === undefined || isSelected(expression, stored, index.collation !== undefined);
}

/** The `$or` does not say which branch it was; the keys of what it found do. */
function findSameKey(
  { index, keys }: Lookup,
  documents: Record<string, unknown>[],
): IndexKey | undefined {
  const stored = new Set(
    documents.flatMap((document) => findIndexKeys(index, document)).map(toComparable),
  );
  return keys.find((key) => stored.has(toComparable(key)));
}

const flagOf = (at: number): string => `isKey${String(at)}`;

/** Under a collation only the server can compare: it is asked for each key. */
function toFlags({ keyPattern }: UniqueIndex, keys: IndexKey[]): object[] {
  return keys.map((key) => ({
    $and: Object.keys(keyPattern).map((path, place) => toComparison(path, key[place])),
  }));
}

function toComparison(path: string, value: unknown): object {
  const literal = { $literal: value ?? null };
  if (value === undefined) return { $eq: [`$${path}`, { $literal: [] }] };
  return {
    $let: {
      vars: { stored: { $ifNull: [`$${path}`, null] } },
      in: {
        $cond: [
          { $isArray: '$$stored' },
          { $in: [literal, '$$stored'] },
          { $eq: ['$$stored', literal] },
        ],
      },
    },
  };
}

function findFlagged(
  { keys }: Lookup,
  at: number,
  documents: Record<string, unknown>[],
): IndexKey | undefined {
  return keys.find((_, place) =>
    documents.some((document) => (document[flagOf(at)] as boolean[])[place]),
  );
}
