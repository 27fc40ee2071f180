/** Reads the stored documents that rows of a batch match, with one query for each conflict target. */
import { findSession, type AnyModel } from '../../mongoose-internals';
import { outermost, type Fields } from '../prepare/paths-and-values';
import type { UpsertOptions } from '../upsert-options';
import type { ReadyRow } from './send-rows';
import { toChains } from './to-chains';

/** In bytes. A command's document holds at most 16 MB. */
const LARGEST_QUERY = 12_000_000;

/** A computed field: the positions of the entries that a document matches. No schema has such a path. */
const POSITIONS = 'uniqueGuardRows';

/** A computed field: the whole document. */
const WHOLE = 'uniqueGuardDocument';

/** Rows with the same key. `row` is the first of them: the query uses its filter. */
interface Entry {
  row: ReadyRow;
  rows: ReadyRow[];
}

/**
 * Returns `_id` and these paths of each document, with the stored types; without paths the whole document.
 * The server reports which key a document has, because only the server can compare under a collation. Keys
 * that are too large for one command are split into several queries.
 */
export async function findStored(
  model: AnyModel,
  options: UpsertOptions,
  rows: ReadyRow[],
  paths: string[] | undefined,
): Promise<Map<ReadyRow, Fields>> {
  const found = new Map<ReadyRow, Fields>();
  for (const entries of toQueries(model, rows)) {
    const reading = toReading(model, options, entries, paths);
    const documents = await model.collection.find(toFilter(entries), reading).toArray();
    for (const { [POSITIONS]: positions, [WHOLE]: whole, ...read } of documents as Fields[]) {
      for (const position of [positions].flat()) {
        const document = (whole ?? read) as Fields;
        for (const row of entries[Number(position)]?.rows ?? []) found.set(row, document);
      }
    }
  }
  return found;
}

/** Groups the entries into queries. Each has one target and fits into one command. */
function toQueries({ base }: AnyModel, rows: ReadyRow[]): Entry[][] {
  const queries: Entry[][] = [];
  const open = new Map<string, { query: Entry[]; size: number; overhead: number }>();
  for (const entry of toEntries(rows)) {
    const { prepared, keyText } = entry.row;
    const { filter, key, target } = prepared;
    const last = open.get(target.name);
    const overhead =
      last?.overhead ?? ENTRY + 2 * base.mongo.BSON.calculateObjectSize(withoutValues(filter, key));
    // The value is in the filter, in the list of keys and, under a collation, in the list of groups.
    const size = overhead + 9 * keyText.length;
    if (last && last.size + size <= LARGEST_QUERY) {
      last.query.push(entry);
      last.size += size;
      continue;
    }
    const query = [entry];
    queries.push(query);
    open.set(target.name, { query, size, overhead });
  }
  return queries;
}

/** The size of an entry without its filter and its values, in bytes. */
const ENTRY = 100;

function withoutValues(filter: Fields, key: Fields): Fields {
  return { ...filter, ...Object.fromEntries(Object.keys(key).map((path) => [path, {}])) };
}

function toEntries(rows: ReadyRow[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const row of rows) {
    const entry = entries.get(row.keyText);
    if (entry) entry.rows.push(row);
    else entries.set(row.keyText, { row, rows: [row] });
  }
  return [...entries.values()];
}

/** Options of a read that sees the writes before it: on the primary, in the same session. */
function toReading(
  model: AnyModel,
  options: UpsertOptions,
  entries: Entry[],
  paths: string[] | undefined,
): object {
  const { target } = (entries[0] as Entry).row.prepared;
  const session = findSession(model, options.session);
  const read = paths && outermost(['_id', ...paths]).map((path) => [path, 1]);
  return {
    projection: {
      ...(read ? (Object.fromEntries(read) as Fields) : { [WHOLE]: '$$ROOT' }),
      [POSITIONS]: toPositions(entries),
    },
    readPreference: 'primary',
    // All in the first answer. With one less the server would keep the cursor open.
    batchSize: entries.length + 1,
    promoteValues: false,
    ...(target.collation && { collation: target.collation }),
    ...(session && { session }),
  };
}

/** An expression for the positions of the entries with a document's key: a number or a list. */
function toPositions(entries: Entry[]): object {
  // A single entry needs no list of keys, so a large key is sent only once.
  if (entries.length === 1) return { $literal: 0 };
  const [path, ...others] = Object.keys((entries[0] as Entry).row.prepared.key);
  const key =
    others.length === 0 ? `$${String(path)}` : [path, ...others].map((one) => `$${String(one)}`);
  const values = entries.map(({ row }) => toValue(row));
  const position = { $indexOfArray: [{ $literal: values }, key] };
  const positions = new Map(entries.map(({ row }, at) => [row, at]));
  const groups = toChains(entries.map(({ row }) => row)).map((rows) =>
    rows.map((row) => positions.get(row) as number),
  );
  if (groups.length === entries.length) return position;
  // Under a collation several keys may be equal: those are in one group.
  const groupOf: number[] = [];
  groups.forEach((group, at) => {
    for (const one of group) groupOf[one] = at;
  });
  const listed = groups.map((group) => group.map((one) => ({ position: one, key: values[one] })));
  const at = { $arrayElemAt: [{ $literal: groupOf }, position] };
  const group = { $arrayElemAt: [{ $literal: listed }, at] };
  const equal = { $filter: { input: group, cond: { $eq: ['$$this.key', key] } } };
  return { $map: { input: equal, in: '$$this.position' } };
}

function toValue({ prepared }: ReadyRow): unknown {
  const values = Object.values(prepared.key).map(({ $eq }) => $eq);
  return values.length === 1 ? values[0] : values;
}

/** A list of values costs the server less than a list of conditions. */
function toFilter(entries: Entry[]): object {
  const filters = entries.map(({ row }) => row.prepared.filter);
  const keys = Object.keys((entries[0] as Entry).row.prepared.key);
  const [path] = keys;
  const isOnePath = keys.length === 1 && filters.every((one) => Object.keys(one).join() === path);
  if (!isOnePath || path === undefined) return { $or: filters };
  return { [path]: { $in: entries.map(({ row }) => toValue(row)) } };
}
