import { inOneElement } from '../../lib/check/in-one-element';

const array = { $not: { $type: 'array' } };
const x = { $eq: 'x' };
const y = { $eq: 'y' };
const missing = { $exists: false };

describe('conditions that one element must meet together', () => {
  it.each<[string, object, object[]]>([
    ['on paths of their own', { a: x, b: y }, [{ a: x, b: y }]],
    ['on one path below an object or array', { a: x, 'list.b': y }, [{ a: x, 'list.b': y }]],
    [
      'on two paths below one',
      { 'list.a': x, c: y, 'list.b': y },
      [
        { c: y, list: { $elemMatch: { a: x, b: y } } },
        { c: y, list: array },
      ].map((filter, at) => (at === 0 ? filter : { ...filter, 'list.a': x, 'list.b': y })),
    ],
    [
      'on paths of which an empty array has none',
      { 'list.a': missing, 'list.b': missing },
      [
        { list: { $elemMatch: { a: missing, b: missing } } },
        { 'list.a': missing, 'list.b': missing },
      ],
    ],
    [
      'at two depths',
      { 'list.a': x, 'list.in.b': x, 'list.in.c': y },
      [
        { list: { $elemMatch: { a: x, in: { $elemMatch: { b: x, c: y } } } } },
        { list: { $elemMatch: { a: x, 'in.b': x, 'in.c': y, in: array } } },
        { list: array, 'list.a': x, 'list.in': { $elemMatch: { b: x, c: y } } },
        { list: array, 'list.a': x, 'list.in.b': x, 'list.in.c': y, 'list.in': array },
      ],
    ],
    [
      'on paths below two',
      { 'a.b': x, 'a.c': x, 'd.e': y, 'd.f': y },
      [
        { a: { $elemMatch: { b: x, c: x } }, d: { $elemMatch: { e: y, f: y } } },
        { a: { $elemMatch: { b: x, c: x } }, 'd.e': y, 'd.f': y, d: array },
        { 'a.b': x, 'a.c': x, a: array, d: { $elemMatch: { e: y, f: y } } },
        { 'a.b': x, 'a.c': x, a: array, 'd.e': y, 'd.f': y, d: array },
      ],
    ],
  ])('%s', (_, conditions, filters) => {
    expect(inOneElement(conditions as Record<string, unknown>)).toEqual(filters);
  });
});
