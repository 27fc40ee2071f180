/**
 * Stage 1: finds the duplicate-key errors in anything thrown, by structure only: class names differ between
 * versions of the driver, and classes between two installed copies.
 */
import { isObject } from '../options/is-object';

/** One duplicate as the server reported it, not parsed yet. */
export interface ServerDuplicate {
  text: string;
  /** True if the server reported it: an error of the driver, or one with the server's message. */
  isServers: boolean;
  keyPattern?: Record<string, unknown>;
  keyValue?: Record<string, unknown>;
  /** For each field of the key, in order: true if keyValue contains an encoding of the value. */
  hexEncoded?: unknown;
  collation?: unknown;
}

/** A duplicate that is one of many writes: a row of insertMany, an operation of bulkWrite. */
interface DuplicateRow extends ServerDuplicate {
  /** The driver's or Mongoose's own object for this row. */
  writeError: object;
  index: number;
  /** What the driver sent: the document, or `{ q, u, upsert }` for an update. */
  op: unknown;
}

/** The duplicates that were found: one, or the rows of a bulk write, with its other errors. */
export type Duplicates =
  | { kind: 'single'; error: object; duplicate: ServerDuplicate }
  | { kind: 'bulk'; error: object; rows: DuplicateRow[]; otherErrors: object[] };

/** The longest chain of causes that is followed. */
const MAX_CAUSES = 10;

/**
 * Returns true if the error is a duplicate-key error (code 11000), wraps one, or was made from one by this
 * plugin. Only the code counts: your own error with this code is one, too.
 *
 * Use it to ignore duplicates and rethrow everything else. A bulk error counts only if all its rows are
 * duplicates, because ignoring it would hide its other errors. No round trip, never throws.
 *
 * @example
 * try {
 *   await User.create({ email });
 * } catch (error) {
 *   if (!isDuplicateKeyError(error)) throw error;
 * }
 */
export function isDuplicateKeyError(error: unknown): boolean {
  const found = findDuplicates(error);
  return found !== undefined && (found.kind === 'single' || found.otherErrors.length === 0);
}

/**
 * The duplicates in `error`, its write errors or its causes; undefined if there are none.
 * `isFollowed` selects the errors whose cause is followed. Also finds errors that only have the code,
 * which proves nothing in a hook: see {@link isOfServer}.
 */
export function findDuplicates(
  error: unknown,
  isFollowed: (link: Record<string, unknown>) => boolean = () => true,
): Duplicates | undefined {
  for (const link of causeChain(error, isFollowed)) {
    // The driver retries a transaction because of these labels, so the error must stay unchanged.
    if (hasErrorLabels(link)) return undefined;
    const writeErrors = findWriteErrors(link);
    const isDrivers = isDriverError(link);
    const rows = writeErrors.flatMap((writeError) => toRow(writeError, isDrivers) ?? []);
    const first = rows[0];
    if (first !== undefined) {
      // A single write that fails together with its write concern also lists its one write error.
      if (isWriteConcernError(link)) return { kind: 'single', error: link, duplicate: first };
      const duplicates = new Set(rows.map(({ writeError }) => writeError));
      const otherErrors = writeErrors.filter((writeError) => !duplicates.has(writeError));
      return { kind: 'bulk', error: link, rows, otherErrors };
    }
    const duplicate = writeErrors.length === 0 ? toDuplicate(link, isDrivers) : undefined;
    if (duplicate !== undefined) return { kind: 'single', error: link, duplicate };
  }
  return undefined;
}

/** For a bulk write, one duplicate of the server is enough: all are from the same answer. */
export function isOfServer(found: Duplicates): boolean {
  return found.kind === 'single'
    ? found.duplicate.isServers
    : found.rows.some(({ isServers }) => isServers);
}

function* causeChain(
  error: unknown,
  isFollowed: (link: Record<string, unknown>) => boolean,
): Generator<Record<string, unknown>> {
  const seen = new Set<object>();
  let link = error;
  while (isObject(link) && !seen.has(link) && seen.size < MAX_CAUSES) {
    seen.add(link);
    yield link;
    link = isFollowed(link) ? link['cause'] : undefined;
  }
}

/** `writeErrors` is an array, a single object, or a Map of the client's bulkWrite; else in `result`. */
function findWriteErrors(error: Record<string, unknown>): object[] {
  const direct = toList(error['writeErrors']);
  if (direct.length > 0) return direct;
  const result = error['result'];
  if (!isObject(result)) return [];
  const { getWriteErrors } = result;
  const inResult: unknown =
    typeof getWriteErrors === 'function' ? getWriteErrors.call(result) : undefined;
  return toList(inResult ?? result['writeErrors']);
}

function toList(writeErrors: unknown): object[] {
  if (writeErrors instanceof Map) {
    return Array.from(writeErrors as Map<unknown, unknown>, ([index, writeError]) =>
      isObject(writeError) ? { ...writeError, index } : {},
    );
  }
  return (Array.isArray(writeErrors) ? (writeErrors as unknown[]) : [writeErrors]).filter(isObject);
}

function toRow(writeError: object, isDrivers: boolean): DuplicateRow | undefined {
  const outer = writeError as Record<string, unknown>;
  const server = isObject(outer['err']) ? outer['err'] : outer;
  const duplicate = toDuplicate(server, isDrivers);
  if (duplicate === undefined) return undefined;
  const index = Number(outer['index'] ?? server['index']);
  return { ...duplicate, writeError, index, op: server['op'] };
}

function toDuplicate(
  error: Record<string, unknown>,
  isDrivers: boolean,
): ServerDuplicate | undefined {
  const text = [error['errmsg'], error['message']].find((one) => typeof one === 'string') ?? '';
  if (!isDuplicateKeyCode(toCode(error['code']), text)) return undefined;
  const { keyPattern, keyValue, hexEncoded, collation } = error;
  return {
    text,
    isServers: isDrivers || SERVER_TEXTS.some((one) => text.includes(one)),
    ...(isObject(keyPattern) && { keyPattern }),
    ...(isObject(keyValue) && { keyValue }),
    ...(hexEncoded !== undefined && { hexEncoded }),
    ...(collation !== undefined && { collation }),
  };
}

/** Including the messages of services that are compatible with MongoDB. */
const SERVER_TEXTS = ['E11000 duplicate key error', 'Duplicate key violation on the requested'];

/** By the methods that all versions of the driver document; class names change between them. */
function isDriverError({ hasErrorLabel, addErrorLabel }: Record<string, unknown>): boolean {
  return typeof hasErrorLabel === 'function' && typeof addErrorLabel === 'function';
}

/** With `promoteValues: false` the driver returns numbers as objects. */
function toCode(code: unknown): unknown {
  return isObject(code) && '_bsontype' in code ? Number(code) : code;
}

/** 11001 and 12582 are old servers'; 16460 is an old mongos's, for duplicates and other things. */
function isDuplicateKeyCode(code: unknown, text: string): boolean {
  return (
    code === 11000 ||
    code === 11001 ||
    code === 12582 ||
    (code === 16460 && text.includes('E11000'))
  );
}

function isWriteConcernError(error: Record<string, unknown>): boolean {
  const result = error['result'];
  return isObject(result) && isObject(result['writeConcernError']);
}

function hasErrorLabels(error: Record<string, unknown>): boolean {
  const labels = error['errorLabels'];
  return Array.isArray(labels) && labels.length > 0;
}
