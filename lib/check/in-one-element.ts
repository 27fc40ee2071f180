/** Conditions on several paths below one array, which one element of it must meet together. Pure. */

type Filter = Record<string, unknown>;

/**
 * Filters, any of which may hold, that find a document where one element of each array on the paths meets
 * all conditions below it, as one key of an index comes from one element.
 */
export function inOneElement(conditions: Filter): Filter[] {
  const below = new Map<string, Filter>();
  let filters: Filter[] = [{}];
  for (const [path, condition] of Object.entries(conditions)) {
    const dot = path.indexOf('.');
    const head = path.slice(0, dot);
    if (dot === -1) filters = filters.map((filter) => ({ ...filter, [path]: condition }));
    else below.set(head, { ...below.get(head), [path.slice(dot + 1)]: condition });
  }
  for (const [head, inside] of below) {
    const alternatives = toAlternatives(head, inside);
    filters = filters.flatMap((filter) => alternatives.map((one) => ({ ...filter, ...one })));
  }
  return filters;
}

function toAlternatives(head: string, inside: Filter): Filter[] {
  const under = (filter: Filter): Filter =>
    Object.fromEntries(Object.entries(filter).map(([path, one]) => [`${head}.${path}`, one]));
  // A single condition is met by any element without further words.
  if (Object.keys(inside).length === 1) return [under(inside)];
  const filters = inOneElement(inside);
  // An array whose elements have none of the paths, such as an empty one, has the key of an object without.
  const isMissing = Object.values(inside).every((one) => (one as Filter)['$exists'] === false);
  const isObject = isMissing ? {} : { [head]: { $not: { $type: 'array' } } };
  return [
    ...filters.map((filter) => ({ [head]: { $elemMatch: filter } })),
    ...filters.map((filter) => ({ ...under(filter), ...isObject })),
  ];
}
