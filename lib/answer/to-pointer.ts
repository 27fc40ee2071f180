/**
 * A path of Mongoose as a JSON pointer in its URI fragment form (RFC 6901, section 6). A path with a
 * dot in one of its names cannot be told from two names; Mongoose's schemas have none.
 */
export function toPointer(path: string): string {
  const names = path.split('.').map((name) => {
    const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1');
    // Half a surrogate pair, which encodeURIComponent refuses, is no character.
    return encodeURIComponent(escaped.replace(/\p{Surrogate}/gu, '\uFFFD'));
  });
  return `#/${names.join('/')}`;
}
