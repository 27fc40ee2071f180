import { isSelected, pathsOfFilter, toConjunctions } from '../../lib/schema/partial-filter';

type Doc = Record<string, unknown>;
const known = (document: Doc, isKnown = true) => ({ document, isKnown: () => isKnown });

/** A condition, documents that it selects for certain, and others. */
const CONDITIONS: [condition: Doc, selected: Doc[], others: Doc[]][] = [
  [{}, [{}, { a: 1 }], []],
  [{ a: 1 }, [{ a: 1 }, { a: [1, 2] }], [{}, { a: 2 }, { a: null }, { a: { b: 1 } }]],
  [{ a: { $eq: 'x' } }, [{ a: 'x' }, { a: ['y', 'x'] }], [{ a: 'y' }, {}]],
  [{ a: [1, 2] }, [{ a: [1, 2] }, { a: [[1, 2]] }], [{ a: [2, 1] }, { a: 1 }]],
  [{ a: null }, [{}, { a: null }, { a: [null] }], [{ a: 1 }, { a: [] }, { a: [1] }]],
  [
    { 'a.b': null },
    [{}, { a: {} }, { a: 1 }, { a: { b: null } }],
    [{ a: { b: 1 } }, { a: [] }, { a: [1] }],
  ],
  [
    { 'a.b': 1 },
    [{ a: { b: 1 } }, { a: [{ b: 1 }] }, { a: { b: [1] } }],
    [{ a: 1 }, { a: [[{ b: 1 }]] }],
  ],
  [{ a: { $in: [1, 'x', null] } }, [{ a: 1 }, { a: 'x' }, {}], [{ a: 2 }, { a: 'y' }]],
  [{ a: { $in: 1 } }, [], [{ a: 1 }, {}]],
  [{ a: { $exists: true } }, [{ a: 1 }, { a: null }, { a: [] }], [{}]],
  [{ a: { $exists: false } }, [], [{}, { a: 1 }]],
  [{ a: { $type: 'string' } }, [{ a: 'x' }, { a: [1, 'x'] }], [{ a: 1 }, {}, { a: null }]],
  [{ a: { $type: [2, 'bool'] } }, [{ a: 'x' }, { a: true }], [{ a: 1 }]],
  [{ a: { $gt: 1 } }, [{ a: 2 }, { a: [0, 2] }], [{ a: 1 }, { a: 0 }, { a: 'x' }, {}]],
  [{ a: { $gte: 1 } }, [{ a: 2 }, { a: 1 }], [{ a: 0 }, { a: null }]],
  [{ a: { $lt: 1 } }, [{ a: 0 }], [{ a: 1 }, { a: 2 }, {}]],
  [{ a: { $lte: 1 } }, [{ a: 0 }, { a: 1 }], [{ a: 2 }]],
  [{ a: { $gt: 1, $lt: 3 } }, [{ a: 2 }], [{ a: 1 }, { a: 3 }]],
  [{ a: 1, b: 1 }, [{ a: 1, b: 1 }], [{ a: 1 }, { b: 1 }]],
  [{ $and: [{ a: 1 }, { b: 1 }] }, [{ a: 1, b: 1 }], [{ a: 1 }, { b: 1 }]],
  [{ $or: [{ a: 1 }, { b: 1 }] }, [{ a: 1 }, { b: 1 }], [{}, { a: 2 }]],
  [{ $or: [{ a: 1 }], b: 1 }, [{ a: 1, b: 1 }], [{ a: 1 }, { b: 1 }]],
  [{ $and: {} }, [], [{}]],
  [{ $or: {} }, [], [{}]],
  [{ $nor: [{ a: 1 }] }, [], [{}, { a: 1 }, { $nor: [{ a: 1 }] }]],
  [{ a: { $ne: 1 } }, [], [{}, { a: 1 }, { a: 2 }]],
  [{ a: { $gte: null } }, [], [{}, { a: null }]],
  [{ a: { toString: 1, $gt: 0 } }, [], [{ a: 1 }]],
];

describe.each(CONDITIONS)('the condition %j', (condition, selected, others) => {
  it('selects what it certainly selects', () => {
    for (const document of selected)
      expect([document, isSelected(condition, known(document), false)]).toEqual([document, true]);
    for (const document of others)
      expect([document, isSelected(condition, known(document), false)]).toEqual([document, false]);
  });
});

it('of a path that is not known, null is not certain; a value is', () => {
  expect(isSelected({ a: null }, known({}, false), false)).toBe(false);
  expect(isSelected({ a: 1 }, known({ a: 1 }, false), false)).toBe(true);
});

it('the order of strings is not certain under a collation; equality is', () => {
  expect(isSelected({ a: { $gt: 'a' } }, known({ a: 'b' }), true)).toBe(false);
  expect(isSelected({ $and: [{ a: { $gt: 'a' } }] }, known({ a: 'b' }), true)).toBe(false);
  expect(isSelected({ a: { $gt: 'a' } }, known({ a: 'b' }), false)).toBe(true);
  expect(isSelected({ a: { $in: ['b'] } }, known({ a: 'b' }), true)).toBe(true);
});

it.each<[Doc | undefined, string[]]>([
  [undefined, []],
  [{}, []],
  [{ a: 1, 'b.c': { $gt: 1 } }, ['a', 'b.c']],
  [{ $and: [{ a: 1 }, { $or: [{ b: 1 }, { c: 1 }] }], d: [1] }, ['a', 'b', 'c', 'd']],
])('the paths of %j are %j', (expression, paths) => {
  expect(pathsOfFilter(expression)).toEqual(paths);
});

describe('the alternatives of a condition', () => {
  it.each<[Doc, Doc[][]]>([
    [{}, [[]]],
    [{ a: 1 }, [[{ a: 1 }]]],
    [{ a: 1, b: 2 }, [[{ a: 1 }, { b: 2 }]]],
    [{ a: [1, 2] }, [[{ a: [1, 2] }]]],
    [{ $and: [{ a: 1 }, { b: 2 }] }, [[{ a: 1 }, { b: 2 }]]],
    [{ $or: [{ a: 1 }, { b: 2 }] }, [[{ a: 1 }], [{ b: 2 }]]],
    [
      { c: 3, $or: [{ a: 1 }, { b: 2 }] },
      [
        [{ c: 3 }, { a: 1 }],
        [{ c: 3 }, { b: 2 }],
      ],
    ],
    [
      { $and: [{ $or: [{ a: 1 }, { b: 2 }] }, { c: 3 }] },
      [
        [{ a: 1 }, { c: 3 }],
        [{ b: 2 }, { c: 3 }],
      ],
    ],
    [{ $or: [] }, []],
    [{ $or: {} }, [[{ $or: {} }]]],
    [{ $and: {} }, [[{ $and: {} }]]],
  ])('%j', (condition, alternatives) => {
    expect(toConjunctions(condition)).toEqual(alternatives);
  });

  const many = (path: string, count: number) => ({
    $or: Array.from({ length: count }, (_, n) => ({ [path]: n })),
  });
  it('are at most 16', () => {
    expect(toConjunctions(many('a', 16))).toHaveLength(16);
    expect(toConjunctions(many('a', 17))).toBeUndefined();
    expect(toConjunctions({ $and: [many('a', 4), many('b', 4)] })).toHaveLength(16);
    expect(toConjunctions({ $and: [many('a', 4), many('b', 5)] })).toBeUndefined();
    expect(toConjunctions({ $and: [{ $and: [many('a', 4), many('b', 5)] }] })).toBeUndefined();
    expect(toConjunctions({ $or: [{ a: 1 }, many('b', 17)] })).toBeUndefined();
  });
});
