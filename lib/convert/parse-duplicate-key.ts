/**
 * Stage 2: reads what the server reported. Structured fields first; the text is the fallback for bulk
 * writes, which have no such fields, and for old or compatible servers.
 */
import type { ServerDuplicate } from './find-duplicates';

/** The certain facts. A field that the server does not report is undefined. */
export interface DuplicateKey {
  db: string | undefined;
  collection: string | undefined;
  indexName: string | undefined;
  keyPattern: Record<string, unknown> | undefined;
  /** The server's values; a field whose value is known to be a collation's sort key is left out. */
  keyValue: Map<string, unknown>;
  /** True if the server reports for each field whether its value is a sort key. From MongoDB 6.0 on. */
  hasFlags?: true;
  /** The rest of the message after ` dup key: `. It is only compared as a whole, never split. */
  keyText: string | undefined;
}

/** Reads one duplicate; `knownIndexNames` are the names that the schema declares. */
export function parseDuplicateKey(
  duplicate: Omit<ServerDuplicate, 'isServers'>,
  knownIndexNames: Iterable<string> = [],
): DuplicateKey {
  const { keyPattern } = duplicate;
  return {
    ...parseText(duplicate.text, knownIndexNames),
    keyPattern,
    keyValue: plainValues(duplicate),
    ...(Array.isArray(duplicate.hexEncoded) && { hasFlags: true }),
  };
}

/** On an index with a collation, the strings of keyValue are sort keys, not the written strings. */
function plainValues({
  keyPattern,
  keyValue,
  hexEncoded,
  collation,
}: Omit<ServerDuplicate, 'isServers'>) {
  const values = new Map<string, unknown>();
  if (keyPattern === undefined || keyValue === undefined) return values;
  const flags: unknown[] = Array.isArray(hexEncoded) ? hexEncoded : [];
  Object.keys(keyPattern).forEach((path, position) => {
    const value = Object.hasOwn(keyValue, path) ? keyValue[path] : undefined;
    const comparesAsBytes = value === null || !['string', 'object'].includes(typeof value);
    const encoded = flags[position] ?? (collation !== undefined && !comparesAsBytes);
    if (value !== undefined && encoded !== true) values.set(path, value);
  });
  return values;
}

type TextParts = Pick<DuplicateKey, 'db' | 'collection' | 'indexName' | 'keyText'>;

const ERROR = 'E11000 duplicate key error';
const KEY = ' dup key: ';
const COLLATION = ' collation: {';

/** True if the build of an index failed, not a write. Text after the error's name may be user input. */
export function isIndexBuild(text: string): boolean {
  const at = text.indexOf('Index build failed');
  return at !== -1 && at < text.indexOf(ERROR);
}

/**
 * Reads the namespace and the index name by position. Never more: values are not escaped in this
 * text, so everything after the first ` dup key: ` may be user input.
 */
function parseText(text: string, knownIndexNames: Iterable<string>): TextParts {
  const nothing = {
    db: undefined,
    collection: undefined,
    indexName: undefined,
    keyText: undefined,
  };
  const at = text.indexOf(ERROR);
  if (at === -1) return { ...nothing, indexName: parseQuotedIndex(text) };
  const rest = text.slice(at + ERROR.length);
  const inNamespace = takeAfter(rest, ' collection: ');
  if (inNamespace !== undefined) {
    const end = firstOf(inNamespace, [' index: ', KEY, '. Failed _id', ' Failed _id']);
    const namespace = splitNamespace(inNamespace.slice(0, end));
    const named = takeAfter(inNamespace.slice(end), ' index: ');
    if (named !== undefined) return { ...namespace, ...parseIndexName(named, knownIndexNames) };
    return { ...nothing, ...namespace, keyText: takeAfter(inNamespace.slice(end), KEY) };
  }
  // MMAPv1, up to MongoDB 3.0: the namespace and the index are one, `db.collection.$index`.
  const qualified = takeAfter(rest, ' index: ');
  if (qualified === undefined) return { ...nothing, keyText: takeAfter(rest, KEY) };
  const dollar = qualified.indexOf('.$');
  if (dollar === -1) return { ...nothing, ...parseIndexName(qualified, knownIndexNames) };
  const namespace = splitNamespace(qualified.slice(0, dollar));
  return { ...namespace, ...parseIndexName(qualified.slice(dollar + 2), knownIndexNames) };
}

/** A name may hold anything, a delimiter too: the longest known one wins, else the first delimiter. */
function parseIndexName(rest: string, knownIndexNames: Iterable<string>) {
  let length = -1;
  for (const name of knownIndexNames) {
    const follows = [KEY, COLLATION].some((delimiter) => rest.startsWith(delimiter, name.length));
    if (name.length > length && rest.startsWith(name) && follows) length = name.length;
  }
  const isKnown = length !== -1;
  if (!isKnown) length = firstOf(rest, [KEY, COLLATION]);
  const name = rest.slice(0, length);
  const keyAt = rest.indexOf(KEY, length);
  return {
    // MMAPv1 often writes two blanks before `dup key`; a known name may end with one of its own.
    indexName: isKnown ? name : name.trimEnd(),
    keyText: keyAt === -1 ? undefined : rest.slice(keyAt + KEY.length),
  };
}

/** Azure vCore, DocumentDB and FerretDB 2: `Duplicate key violation …: Index 'name'`. */
function parseQuotedIndex(text: string): string | undefined {
  const start = text.indexOf(": Index '");
  const end = text.lastIndexOf("'");
  const nameStart = start + ": Index '".length;
  return start !== -1 && end > nameStart ? text.slice(nameStart, end) : undefined;
}

function splitNamespace(namespace: string) {
  const dot = namespace.indexOf('.');
  if (dot === -1) return { db: undefined, collection: undefined };
  return { db: namespace.slice(0, dot), collection: namespace.slice(dot + 1) };
}

function takeAfter(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}

function firstOf(text: string, delimiters: string[]): number {
  let first = text.length;
  for (const delimiter of delimiters) {
    const at = text.indexOf(delimiter);
    if (at !== -1) first = Math.min(first, at);
  }
  return first;
}
