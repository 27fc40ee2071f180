/**
 * Converts a Mongoose path to a JSON pointer in URI fragment form (RFC 6901, section 6). A dot always separates
 * names, because schemas have no names with a dot.
 */
export function toPointer(path: string): string {
  const names = path.split('.').map((name) => {
    const escaped = name.replaceAll('~', '~0').replaceAll('/', '~1');
    // encodeURIComponent throws for half a surrogate pair.
    return encodeURIComponent(escaped.replace(/\p{Surrogate}/gu, '\uFFFD'));
  });
  return `#/${names.join('/')}`;
}
