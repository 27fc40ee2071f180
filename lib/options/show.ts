/** A value as an error message prints it: short, and it never throws. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  try {
    const text = value === undefined ? 'undefined' : JSON.stringify(value);
    return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  } catch {
    return Object.prototype.toString.call(value);
  }
}
