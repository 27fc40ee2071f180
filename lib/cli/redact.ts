/** Keeps the connection string out of the output. Pure. */

const ANY_URI = /mongodb(\+srv)?:\/\/[^\s"'`<>]+/g;

/**
 * `text` without connection strings; a sentence instead if it still holds the password of `uri` or a
 * part of it: a driver reads a password with a `/` or an `@` as a host.
 */
export function redact(text: string, uri = ''): string {
  const withoutUri = (uri === '' ? text : text.replaceAll(uri, 'mongodb://…')).replace(
    ANY_URI,
    'mongodb://…',
  );
  return findSecrets(uri).some((secret) => withoutUri.includes(secret))
    ? 'the message is omitted, because it holds a part of the connection string'
    : withoutUri;
}

function findSecrets(uri: string): string[] {
  const rest = uri.slice(uri.indexOf('://') + '://'.length);
  const end = rest.lastIndexOf('@');
  const start = rest.indexOf(':');
  if (end < 0 || start < 0 || start > end) return [];
  const password = rest.slice(start + 1, end);
  const parts = password.split(/[/?#@:&=]/).filter(({ length }) => length > 2);
  return [password, decode(password), ...parts, ...parts.map(decode)].filter((one) => one !== '');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded: only the string itself can be found.
    return text;
  }
}
