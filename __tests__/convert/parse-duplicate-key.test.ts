import {
  isIndexBuild,
  parseDuplicateKey,
  type DuplicateKey,
} from '../../lib/convert/parse-duplicate-key';
import messages from '../support/error-messages.json';

describe('what the message of a duplicate-key error contains', () => {
  it.each(messages)('$server: $errmsg', ({ errmsg, expected }) => {
    const { db, collection, indexName } = parseDuplicateKey({ text: errmsg });
    expect({ db, collection, indexName }).toEqual({
      db: expected.db ?? undefined,
      collection: expected.collection ?? undefined,
      indexName: expected.index ?? undefined,
    });
  });

  const E11000 = 'E11000 duplicate key error';
  it.each<[string, string, Partial<DuplicateKey>]>([
    [
      'cut off after the name of the index',
      `${E11000} collection: db.users index: email_1`,
      { db: 'db', collection: 'users', indexName: 'email_1' },
    ],
    [
      'a collection without its database',
      `${E11000} collection: users index: email_1 dup key: { email: "a" }`,
      { indexName: 'email_1', keyText: '{ email: "a" }' },
    ],
    [
      'an index without its collection',
      `${E11000} index: email_1 dup key: { : "a" }`,
      { indexName: 'email_1', keyText: '{ : "a" }' },
    ],
  ])('where it is shorter than usual: %s', (_, text, expected) => {
    expect(parseDuplicateKey({ text })).toEqual({ keyValue: new Map(), ...expected });
  });
});

describe('the name of the index in the text', () => {
  const KNOWN = ['a', 'a b', 'a dup key: b', ' a ', 'long name that is longer'];
  const text = (rest: string) => `E11000 duplicate key error collection: d.c index: ${rest}`;
  it.each<[string, string | undefined, string | undefined]>([
    ['a dup key: { : 1 }', 'a', '{ : 1 }'],
    ['a b dup key: { : 1 }', 'a b', '{ : 1 }'],
    ['a dup key: b dup key: { : 1 }', 'a dup key: b', '{ : 1 }'],
    [' a  dup key: { : 1 }', ' a ', '{ : 1 }'],
    ['z  dup key: { : 1 }', 'z', '{ : 1 }'],
    ['z dup key: a dup key: { : 1 }', 'z', 'a dup key: { : 1 }'],
    ['a collation: { locale: "en" } dup key: { : 1 }', 'a', '{ : 1 }'],
    ['a c dup key: { : "a" }', 'a c', '{ : "a" }'],
    ['a', 'a', undefined],
  ])('%j: %p, %p', (rest, indexName, keyText) => {
    expect(parseDuplicateKey({ text: text(rest) }, KNOWN)).toMatchObject({ indexName, keyText });
    const mapi = `E11000 duplicate key error index: d.c.$${rest}`;
    expect(parseDuplicateKey({ text: mapi }, [...KNOWN].reverse())).toMatchObject({
      db: 'd',
      collection: 'c',
      indexName,
      keyText,
    });
  });

  it.each<[string, string | undefined]>([
    ["Duplicate key violation: Index 'a_1'", 'a_1'],
    ["Duplicate key violation: Index 'it's'.", "it's"],
    ["Duplicate key violation: Index ''", undefined],
    ["Duplicate key violation: Index 'a_1", undefined],
    ["Duplicate key violation of 'a'", undefined],
    ['', undefined],
  ])('in quotes, %j: %p', (quoted, indexName) => {
    expect(parseDuplicateKey({ text: quoted })).toEqual({
      db: undefined,
      collection: undefined,
      indexName,
      keyPattern: undefined,
      keyText: undefined,
      keyValue: new Map(),
    });
  });

  it.each<[string, object]>([
    [
      ' collection: db.a.b index: i dup key: { : 1 }',
      { db: 'db', collection: 'a.b', indexName: 'i' },
    ],
    [' collection: db.a dup key: { a: 1 }', { db: 'db', collection: 'a', keyText: '{ a: 1 }' }],
    [' collection: db.a. Failed _id or unique index constraint.', { db: 'db', collection: 'a' }],
    [' collection: db.a Failed _id or unique index constraint.', { db: 'db', collection: 'a' }],
    [' collection: db.a', { db: 'db', collection: 'a' }],
    [' dup key: { a: 1 }', { keyText: '{ a: 1 }' }],
    [' of something else', {}],
    ['', {}],
  ])('beside its namespace, %j: %j', (rest, expected) => {
    const nothing = {
      db: undefined,
      collection: undefined,
      indexName: undefined,
      keyText: undefined,
    };
    expect(parseDuplicateKey({ text: `E11000 duplicate key error${rest}` })).toMatchObject({
      ...nothing,
      ...(rest.includes('index: i') && { keyText: '{ : 1 }' }),
      ...expected,
    });
  });
});

it.each([
  ['Index build failed: 1: E11000 duplicate key error collection: d.c', true],
  ['x :: caused by :: Index build failed: E11000 duplicate key error', true],
  ['E11000 duplicate key error dup key: { a: "Index build failed" }', false],
  ['E11000 duplicate key error', false],
  ['Index build failed', false],
  ['', false],
])('%j is of the build of an index: %p', (text, expected) => {
  expect(isIndexBuild(text)).toBe(expected);
});

describe('which of the reported values are what was written', () => {
  const values = (more: object, value: unknown) => {
    const keyPattern = { a: 1 };
    return [
      ...parseDuplicateKey({ text: '', keyPattern, keyValue: { a: value }, ...more }).keyValue,
    ];
  };
  const COLLATED = { collation: { locale: 'en' } };

  it.each([null, 1, true, 0, 5n])('under a collation, %p is no sort key', (value) => {
    expect(values(COLLATED, value)).toEqual([['a', value]]);
  });

  it.each(['29', { b: '29' }, ['29']])('under a collation, %p may be one', (value) => {
    expect(values(COLLATED, value)).toEqual([]);
  });

  it.each(['a', { b: 'a' }, null, 1])('without a collation, %p is none', (value) => {
    expect(values({}, value)).toEqual([['a', value]]);
  });

  it('the flags of the server count more', () => {
    expect(values({ ...COLLATED, hexEncoded: [false] }, 'a')).toEqual([['a', 'a']]);
    expect(values({ hexEncoded: [true] }, 'a')).toEqual([]);
    expect(values({ ...COLLATED, hexEncoded: 'odd' }, 'a')).toEqual([]);
  });

  it('a path without a value, and values without a pattern, are left out', () => {
    const both = { keyPattern: { toString: 1, b: 1 }, keyValue: { b: 2 } } as never;
    expect([...parseDuplicateKey({ text: '', ...(both as object) }).keyValue]).toEqual([['b', 2]]);
    expect(parseDuplicateKey({ text: '', keyValue: { b: 2 } }).keyValue.size).toBe(0);
    expect(parseDuplicateKey({ text: '', keyPattern: { b: 1 } }).keyValue.size).toBe(0);
  });

  it('says whether the server gave flags', () => {
    expect(parseDuplicateKey({ text: '', hexEncoded: [] })).toMatchObject({ hasFlags: true });
    expect(parseDuplicateKey({ text: '', hexEncoded: true })).not.toHaveProperty('hasFlags');
  });
});
