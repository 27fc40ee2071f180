import { Types } from 'mongoose';
import { Fragment, UNKNOWN } from '../../lib/schema/fragment';
import {
  findDocumentKeys,
  findIndexKeys,
  hasPositions,
  isGeoDirection,
} from '../../lib/schema/index-keys';

type Doc = Record<string, unknown>;
type Part = [path: string, value: unknown];

const fragment = (values: Doc) => {
  const whole = new Fragment();
  for (const [path, value] of Object.entries(values)) whole.set(path, value);
  return whole;
};
const pattern = (...paths: string[]) => Object.fromEntries(paths.map((path) => [path, 1]));
const id = new Types.ObjectId();
const subdocument = { secret: 1, toBSON: () => ({ b: 2 }) };
const list = [{ b: 1 }, { b: 2 }];
const shared = { toBSON: () => ({ list: [{ b: 1, c: 2 }] }) };

/** `MISSING` is the null of a path that the document does not have. */
const MISSING = Symbol('missing');

/** For paths of an index and a document: the keys, each path with the value's own. */
const KEYS: [title: string, paths: string[], document: object, keys: Part[][]][] = [
  ['a value', ['a'], { a: 1 }, [[['a', 1]]]],
  ['null', ['a'], { a: null }, [[['a', null]]]],
  ['no value', ['a'], {}, [[['a', MISSING]]]],
  ['an inherited value', ['toString'], {}, [[['toString', MISSING]]]],
  [
    'two paths',
    ['a', 'b'],
    { b: 2, a: 1 },
    [
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
  ],
  ['a path in an object', ['a.b'], { a: { b: 1 } }, [[['a.b', 1]]]],
  ['a path in a value', ['a.b'], { a: 1 }, [[['a.b', MISSING]]]],
  ['a path in an ObjectId', ['a.id'], { a: id }, [[['a.id', MISSING]]]],
  ['a path in a Map', ['a.b'], { a: new Map([['b', 1]]) }, [[['a.b', 1]]]],
  ['a path in a subdocument', ['a.b'], { a: subdocument }, [[['a.b', 2]]]],
  ['a path beside a field toBSON', ['a.b'], { a: { toBSON: 1, b: 2 } }, [[['a.b', 2]]]],
  ['its other path', ['a.secret'], { a: subdocument }, [[['a.secret', MISSING]]]],
  ['an array', ['a'], { a: [1, 2] }, [[['a.0', 1]], [['a.1', 2]]]],
  ['an array with a gap', ['a'], { a: [1, undefined] }, [[['a.0', 1]], [['a.1', null]]]],
  ['an empty array', ['a'], { a: [] }, [[['a', undefined]]]],
  ['a path in an empty array', ['a.b'], { a: [] }, [[['a.b', MISSING]]]],
  [
    'a value beside an empty array',
    ['a', 'b'],
    { a: [], b: 1 },
    [
      [
        ['a', undefined],
        ['b', 1],
      ],
    ],
  ],
  ['a path in elements', ['a.b'], { a: list }, [[['a.0.b', 1]], [['a.1.b', 2]]]],
  [
    'two paths in elements',
    ['a.b', 'a.c'],
    { a: [{ b: 1, c: 2 }, { b: 3 }] },
    [
      [
        ['a.0.b', 1],
        ['a.0.c', 2],
      ],
      [
        ['a.1.b', 3],
        ['a.1.c', MISSING],
      ],
    ],
  ],
  [
    'two paths in the elements that toBSON() makes',
    ['a.list.b', 'a.list.c'],
    { a: shared },
    [
      [
        ['a.list.0.b', 1],
        ['a.list.0.c', 2],
      ],
    ],
  ],
  [
    'a value beside elements',
    ['c', 'a'],
    { a: [1, 2], c: 3 },
    [
      [
        ['c', 3],
        ['a.0', 1],
      ],
      [
        ['c', 3],
        ['a.1', 2],
      ],
    ],
  ],
  ['two arrays', ['a', 'b'], { a: [1], b: [2] }, []],
  [
    'an array and what is in its elements',
    ['a', 'a.b'],
    { a: list },
    [
      [
        ['a.0', list[0]],
        ['a.0.b', 1],
      ],
      [
        ['a.1', list[1]],
        ['a.1.b', 2],
      ],
    ],
  ],
  ['an array in an array', ['a'], { a: [[1]] }, [[['a.0', [1]]]]],
  ['a path in an array in an array', ['a.b'], { a: [[{ b: 1 }]] }, [[['a.0.b', MISSING]]]],
  ['an array in elements', ['a.b'], { a: [{ b: [1, 2] }] }, [[['a.0.b.0', 1]], [['a.0.b.1', 2]]]],
  ['a position', ['a.1.b'], { a: list }, [[['a.1.b', 2]]]],
  ['a position at the end', ['a.1'], { a: [1, 2] }, [[['a.1', 2]]]],
  ['a position that is not there', ['a.7'], { a: [1] }, [[['a.7', MISSING]]]],
  ['a position in an object', ['a.0'], { a: { 0: 1 } }, [[['a.0', 1]]]],
  ['a known field', ['a'], fragment({ a: 1 }), [[['a', 1]]]],
  ['a field that is not known', ['b'], fragment({ a: 1 }), [[['b', UNKNOWN]]]],
  ['an object of which one field is known', ['a'], fragment({ 'a.b': 1 }), [[['a', UNKNOWN]]]],
  ['a path below a field that is not known', ['b.c'], fragment({ a: 1 }), [[['b.c', UNKNOWN]]]],
  ['a known element', ['a.b'], fragment({ 'a.2.b': 1 }), [[['a.2.b', 1]]]],
  ['an element somewhere', ['a.b'], fragment({ 'a.$.b': 1 }), [[['a.b', 1]]]],
  ['a value somewhere in an array', ['a'], fragment({ 'a.$[]': 1 }), [[['a', 1]]]],
  [
    'an array somewhere in an array',
    ['a.b'],
    fragment({ 'a.$.b': [1, 2] }),
    [[['a.b', 1]], [['a.b', 2]]],
  ],
  ['a position below that', ['a.b.0'], fragment({ 'a.$.b': [1, 2] }), [[['a.b.0', 1]]]],
];

it.each(KEYS)('the keys of %s', (_, paths, document, expected) => {
  const keys = findDocumentKeys(pattern(...paths), document).map((parts) =>
    parts.map(({ indexPath, path, value, isFound }) => ({ indexPath, path, value, isFound })),
  );
  expect(keys).toEqual(
    expected.map((parts) =>
      parts.map(([path, value], at) => ({
        indexPath: paths[at],
        path,
        value: value === MISSING ? null : value,
        isFound: value !== MISSING && value !== UNKNOWN,
      })),
    ),
  );
});

describe('a geo index', () => {
  it.each<[unknown, unknown[]]>([
    [[1, 2], [[1, 2]]],
    [{ type: 'Point', coordinates: [1, 2] }, [{ type: 'Point', coordinates: [1, 2] }]],
    [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [[{ x: 1 }], [{ x: 1 }]],
  ])('of %j has the values %j', (at, values) => {
    for (const direction of ['2d', '2dsphere']) {
      const keys = findDocumentKeys({ at: direction }, { at });
      expect(keys.map(([part]) => part?.value)).toEqual(values);
    }
  });

  it('follows numbers above its path as any index', () => {
    const keys = findDocumentKeys({ 'at.x': '2d' }, { at: [1] });
    expect(keys).toMatchObject([[{ path: 'at.0.x', value: null }]]);
  });

  it.each([
    ['2d', true],
    ['2dsphere', true],
    ['text', false],
    ['hashed', false],
    [1, false],
    [undefined, false],
  ])('%p is the direction of one: %p', (direction, expected) => {
    expect(isGeoDirection(direction)).toBe(expected);
  });
});

describe('the different keys of a document', () => {
  const keysOf = (paths: string[], document: Doc, sparse?: true) =>
    findIndexKeys(
      { name: 'i', keyPattern: pattern(...paths), ...(sparse && { sparse }) },
      document,
    );

  it('has each once', () => {
    expect(keysOf(['a'], { a: [1, 2, 1] })).toEqual([[1], [2]]);
    expect(keysOf(['a', 'b'], { a: 1 })).toEqual([[1, null]]);
  });

  it('has none where sparse excludes the document', () => {
    expect(keysOf(['a'], {}, true)).toEqual([]);
    expect(keysOf(['a'], {})).toEqual([[null]]);
    expect(keysOf(['a'], { a: null }, true)).toEqual([[null]]);
    expect(keysOf(['a', 'b'], { b: 1 }, true)).toEqual([[null, 1]]);
  });
});

it('toBSON() of an object is called once', () => {
  const toBSON = jest.fn(() => ({ b: 1, c: 2 }));
  findDocumentKeys(pattern('a.b', 'a.c'), { a: { toBSON } });
  expect(toBSON).toHaveBeenCalledTimes(1);
});

it.each([
  ['a', false],
  ['a.b', false],
  ['a1.b2', false],
  ['a.1b', false],
  ['a.0', true],
  ['a.12.b', true],
  ['0.a', true],
  ['a.$*', true],
  ['a.$*.b', true],
  ['a.b$', false],
])('the index path %j has a position: %p', (path, expected) => {
  expect(hasPositions({ name: 'i', keyPattern: { other: 1, [path]: 1 } })).toBe(expected);
});
