/**
 * The named fields of a request body, and of those the texts: nothing else that a client sends gets
 * as far as a model, no operator object either.
 */
export function pickTexts<Name extends string>(
  body: unknown,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const given = (body ?? {}) as Partial<Record<string, unknown>>;
  const picked: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = given[name];
    if (typeof value === 'string') picked[name] = value;
  }
  return picked;
}
