import { mongo } from 'mongoose';
import { isDuplicateKeyError } from 'mongoose-unique-guard';
import {
  findDuplicates,
  isOfServer,
  type ServerDuplicate,
} from '../../lib/convert/find-duplicates';

const text = 'E11000 duplicate key error collection: db.c index: a_1 dup key: { a: 1 }';
const duplicate = (more: object = {}) => Object.assign(new Error(text), { code: 11000 }, more);
const row = (index: number, code = 11000) => ({
  index,
  code,
  errmsg: code === 11000 ? text : 'other',
});

const cycle = new Error('a');
cycle.cause = new Error('b', { cause: cycle });
const wrap = (depth: number, error: unknown): unknown =>
  depth === 0 ? error : new Error('outer', { cause: wrap(depth - 1, error) });

describe('a duplicate is found in', () => {
  it.each<[string, unknown, 'single' | number[]]>([
    ['the error itself', duplicate(), 'single'],
    ['code 11001 of an old server', duplicate({ code: 11001 }), 'single'],
    ['code 12582 of an old mongos', duplicate({ code: 12582 }), 'single'],
    ['code 16460 with E11000 in its text', duplicate({ code: 16460 }), 'single'],
    ['a plain object, as JSON gives', { code: 11000, errmsg: text }, 'single'],
    ['a cause', new Error('outer', { cause: duplicate() }), 'single'],
    ['a cause of a cause', wrap(5, duplicate()), 'single'],
    ['the farthest cause', wrap(9, duplicate()), 'single'],
    [
      'a code as the driver has it with promoteValues: false',
      { code: new mongo.Int32(11000) },
      'single',
    ],
    ['no error labels', duplicate({ errorLabels: [] }), 'single'],
    ['write errors in the result', { code: 64, result: { writeErrors: [row(2)] } }, [2]],
    ['an array of write errors', { code: 11000, writeErrors: [row(0), row(2)] }, [0, 2]],
    ['a single write error', { code: 11000, writeErrors: row(3) }, [3]],
    [
      "the driver's WriteError, which holds the server's object",
      { writeErrors: [{ err: row(1) }] },
      [1],
    ],
    [
      "Mongoose 8's copy, with a place of its own",
      { writeErrors: [{ err: row(1), index: 7 }] },
      [7],
    ],
    ['a Map of the bulkWrite of a connection', { writeErrors: new Map([[4, row(0)]]) }, [4]],
    [
      'result.getWriteErrors()',
      { code: 64, writeErrors: [], result: { getWriteErrors: () => [row(2)] } },
      [2],
    ],
    ['a bulk whose first error is another', { code: 121, writeErrors: [row(0, 121), row(1)] }, [1]],
    [
      'a write concern error of a single write',
      duplicate({
        code: 64,
        writeErrors: [row(0)],
        result: { writeErrors: [row(0)], writeConcernError: { code: 64 } },
      }),
      'single',
    ],
  ])('%s', (_, error, expected) => {
    const found = findDuplicates(error);
    expect(found?.kind === 'bulk' ? found.rows.map(({ index }) => index) : found?.kind).toEqual(
      expected,
    );
  });
});

describe('no duplicate is found in', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', text],
    ['a number', 11000],
    ['another code', duplicate({ code: 121 })],
    ['code 16460 for something else', Object.assign(new Error('other'), { code: 16460 })],
    ['a text as code', duplicate({ code: '11000' })],
    [
      'an error with labels, on which the driver retries',
      duplicate({ errorLabels: ['TransientTransactionError'] }),
    ],
    [
      'a cause of an error with labels',
      Object.assign(new Error('x', { cause: duplicate() }), { errorLabels: ['x'] }),
    ],
    ['causes that go round', cycle],
    ['a cause farther than ten', wrap(10, duplicate())],
    ['an error whose write errors are others', duplicate({ writeErrors: [row(0, 121)] })],
    ['a result without errors', { code: 121, result: { getWriteErrors: 1 } }],
    ['a code in an object', { code: { valueOf: () => 11000 } }],
    ['write errors of another code', { code: 121, writeErrors: [row(0, 121)] }],
    ['write errors that are none', { code: 121, writeErrors: [null, 'x', 5] }],
    ['a Map of write errors that are none', { code: 121, writeErrors: new Map([[0, null]]) }],
    ['a WriteConflict', Object.assign(new Error('WriteConflict'), { code: 112 })],
  ])('%s', (_, error) => {
    expect(findDuplicates(error)).toBeUndefined();
    expect(isDuplicateKeyError(error)).toBe(false);
  });
});

describe('of what the server reported', () => {
  const whole = { keyPattern: { a: 1 }, keyValue: { a: 'x' }, hexEncoded: [false], collation: {} };
  const single = (error: unknown): ServerDuplicate | undefined => {
    const found = findDuplicates(error);
    return found?.kind === 'single' ? found.duplicate : undefined;
  };

  it.each<[string, object, object]>([
    ['everything', whole, whole],
    ['nothing more', {}, {}],
    ['only what is an object', { keyPattern: 'a', keyValue: 5 }, {}],
  ])('is kept: %s', (_, more, kept) => {
    expect(single(duplicate(more))).toStrictEqual({ text, isServers: true, ...kept });
  });

  const methods = { hasErrorLabel: () => false, addErrorLabel: () => undefined };
  const other = { errmsg: 'other', message: 'other' };
  it.each<[string, object, boolean]>([
    ["with the server's message", {}, true],
    [
      "with a service's message",
      { message: 'Duplicate key violation on the requested collection' },
      true,
    ],
    ['with another message', other, false],
    ["with another message, by the driver's methods", { ...other, ...methods }, true],
    ['with one of these methods', { ...other, hasErrorLabel: methods.hasErrorLabel }, false],
    ['with the other one', { ...other, addErrorLabel: methods.addErrorLabel }, false],
  ])('an error %s is of a server: %p', (_, more, expected) => {
    expect(isOfServer(findDuplicates(duplicate(more)) as never)).toBe(expected);
  });

  it('one row of the server is enough', () => {
    const own = { index: 1, code: 11000, errmsg: 'own' };
    const rowsOf = (...writeErrors: object[]) =>
      findDuplicates({ code: 11000, writeErrors }) as never;
    expect(isOfServer(rowsOf(row(0), own))).toBe(true);
    expect(isOfServer(rowsOf(own, row(0)))).toBe(true);
    expect(isOfServer(rowsOf(own))).toBe(false);
  });

  it('the text is errmsg, or the message, or empty', () => {
    expect(single({ code: 11000, errmsg: 'a', message: 'b' })?.text).toBe('a');
    expect(single({ code: 11000, errmsg: 1, message: 'b' })?.text).toBe('b');
    expect(single({ code: 11000 })?.text).toBe('');
  });
});

it('a single duplicate is one to go on after', () => {
  expect(isDuplicateKeyError(duplicate())).toBe(true);
});

it('a bulk of duplicates and others is no error to go on after', () => {
  expect(isDuplicateKeyError({ code: 11000, writeErrors: [row(0), row(1)] })).toBe(true);
  expect(isDuplicateKeyError({ code: 11000, writeErrors: [row(0), row(1, 121)] })).toBe(false);
});
