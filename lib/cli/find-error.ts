/** Finds the error of a unique index in a string: a log line, a JSON log entry or a stack trace. Pure. */
import { isObject } from '../options/is-object';

/** The driver's error, as far as the string shows it. */
export type FoundError = Record<string, unknown> & { code: number; message: string };

/** Parts of the server's messages, and their codes. */
const SIGNS: [sign: string, code: number][] = [
  ['E11000 duplicate key error', 11000],
  ['Duplicate key violation on the requested collection', 11000],
  ['xpression not supported in partial index', 67],
  ['unsupported expression in partial index', 67],
  ['An existing index has the same name as the requested index', 86],
  ['Index already exists with a different name', 85],
  ['Index with name: ', 85],
];

/** The first error in a string; JSON is searched for the fields of an error, too. */
export function findError(text: string): FoundError | undefined {
  for (const part of [text, ...text.split('\n')]) {
    const found = findInJSON(parse(part));
    if (found !== undefined) return found;
  }
  return toError(text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: it is read as a message.
    return undefined;
  }
}

function findInJSON(value: unknown): FoundError | undefined {
  if (typeof value === 'string') return toError(value);
  if (!isObject(value)) return undefined;
  const own = toErrorWithFields(value);
  if (own !== undefined) return own;
  return Object.values(value)
    .map(findInJSON)
    .find((one) => one !== undefined);
}

function toErrorWithFields(value: Record<string, unknown>): FoundError | undefined {
  const messages = [value['errmsg'], value['message']].filter((one) => typeof one === 'string');
  const found = messages.map(toError).find((one) => one !== undefined);
  const { keyPattern, keyValue } = value;
  return found && isObject(keyPattern)
    ? { ...found, keyPattern, ...(isObject(keyValue) && { keyValue }) }
    : found;
}

/** The message without the frames of a stack. */
function toError(text: string): FoundError | undefined {
  const sign = SIGNS.find(([words]) => text.includes(words));
  const message = text.replace(/\n {4}at [^]*/, '').trimEnd();
  return sign && { code: sign[1], message };
}
