/** Combines conditions on several paths below one array, which one element must meet together. Pure. */

type Filter = Record<string, unknown>;

/**
 * Returns alternative filters. Together they find the documents in which a single element of each array meets
 * all conditions below it, because a key of an index comes from a single element.
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
  // A single condition needs no $elemMatch.
  if (Object.keys(inside).length === 1) return [under(inside)];
  const filters = inOneElement(inside);
  // An empty array, or one whose elements have none of the paths, has the same key as an object without them.
  const isMissing = Object.values(inside).every((one) => (one as Filter)['$exists'] === false);
  const isNoArray = isMissing ? {} : { [head]: { $not: { $type: 'array' } } };
  return [
    ...filters.map((filter) => ({ [head]: { $elemMatch: filter } })),
    ...filters.map((filter) => ({ ...under(filter), ...isNoArray })),
  ];
}
