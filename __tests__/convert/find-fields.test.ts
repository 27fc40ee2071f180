import { Mongoose, Schema } from 'mongoose';
import { findFieldErrors, type FieldError } from '../../lib/convert/find-fields';
import type { AnyModel } from '../../lib/mongoose-internals';
import type { Write } from '../../lib/write/write';

const model = new Mongoose().model(
  'Thing',
  new Schema({ a: String, b: String, n: Number, list: [{ x: String, y: String }] }),
) as unknown as AnyModel;

interface Case {
  keys: Record<string, unknown>;
  isCollated?: true;
  /** What the server reports: values by path, or a printed key. */
  keyValue?: Record<string, unknown>;
  keyText?: string;
  isPlain?: true;
  write: Write;
}
const document = (fields: object): Write => ({ document: fields, isComplete: true });
const A = { a: 1 };
const AB = { a: 1, b: 1 };
const X = { 'list.x': 1 };
const XY = { 'list.x': 1, 'list.y': 1 };
const TWO = {
  list: [
    { x: 'p', y: '1' },
    { x: 'q', y: '2' },
  ],
};
const WITH_UNKNOWN: Write = { update: { $set: { 'list.$.x': 'p' } }, filter: {}, mayInsert: false };

const field = (indexPath: string, value: unknown, path = indexPath): FieldError => ({
  indexPath,
  path,
  value,
});

it.each<[string, Case, FieldError[]]>([
  ['a written value', { keys: A, write: document({ a: 'x' }) }, [field('a', 'x')]],
  [
    'a value beside what is reported',
    { keys: A, keyValue: { a: 'y' }, write: document({ a: 'x' }) },
    [field('a', 'x')],
  ],
  [
    'two values',
    { keys: AB, write: document({ a: 'x', b: 'y' }) },
    [field('a', 'x'), field('b', 'y')],
  ],
  ['a missing value', { keys: A, write: document({}) }, [field('a', null)]],
  ['nothing known', { keys: A, write: {} }, [field('a', undefined)]],
  ['only what is reported', { keys: { n: 1 }, keyValue: { n: 5 }, write: {} }, [field('n', 5)]],
  [
    'a reported string, plain',
    { keys: A, keyValue: { a: 'x' }, isPlain: true, write: {} },
    [field('a', 'x')],
  ],
  [
    'a reported string that may be a sort key',
    { keys: A, keyValue: { a: 'x' }, write: {} },
    [field('a', undefined)],
  ],
  [
    'a reported string, proven by another',
    {
      keys: AB,
      keyValue: { a: 'x', b: 'y' },
      write: { update: { $set: { a: 'x' } }, filter: {}, mayInsert: false },
    },
    [field('a', 'x'), field('b', 'y')],
  ],
  [
    'a number that proves nothing',
    {
      keys: { n: 1, a: 1 },
      keyValue: { n: 1, a: 'x' },
      write: { update: { $set: { n: 1 } }, filter: {}, mayInsert: false },
    },
    [field('n', 1), field('a', undefined)],
  ],
  [
    'an empty string, which proves nothing',
    {
      keys: AB,
      keyValue: { a: '', b: 'y' },
      write: { update: { $set: { a: '' } }, filter: {}, mayInsert: false },
    },
    [field('a', ''), field('b', undefined)],
  ],
  [
    'a value that is not the reported one, plain',
    { keys: A, keyValue: { a: 'y' }, isPlain: true, write: document({ a: 'x' }) },
    [field('a', 'y')],
  ],
  [
    'a number that is not the reported one',
    { keys: { n: 1 }, keyValue: { n: 2 }, write: document({ n: 1 }) },
    [field('n', 2)],
  ],
  [
    'the reported element',
    { keys: X, keyValue: { 'list.x': 'q' }, write: document(TWO) },
    [field('list.x', 'q', 'list.1.x')],
  ],
  [
    'the printed element',
    { keys: X, keyText: '{ list.x: "q" }', write: document(TWO) },
    [field('list.x', 'q', 'list.1.x')],
  ],
  [
    'a printed string under a collation',
    { keys: X, isCollated: true, keyText: '{ list.x: "q" }', write: document(TWO) },
    [field('list.x', undefined)],
  ],
  [
    'the only element',
    { keys: X, write: document({ list: [{ x: 'p' }] }) },
    [field('list.x', 'p', 'list.0.x')],
  ],
  [
    'an element that is reported in part',
    { keys: XY, keyValue: { 'list.y': '2' }, write: document(TWO) },
    [field('list.x', 'q', 'list.1.x'), field('list.y', '2', 'list.1.y')],
  ],
  [
    'two elements with one value',
    { keys: X, keyValue: { 'list.x': 'p' }, write: document({ list: [{ x: 'p' }, { x: 'p' }] }) },
    [field('list.x', 'p')],
  ],
  [
    'two elements that differ in what is not reported',
    {
      keys: XY,
      keyValue: { 'list.x': 'p' },
      write: document({
        list: [
          { x: 'p', y: '1' },
          { x: 'p', y: '2' },
        ],
      }),
    },
    [field('list.x', 'p'), field('list.y', undefined)],
  ],
  [
    'an element that may be any',
    { keys: X, keyValue: { 'list.x': 'p' }, write: WITH_UNKNOWN },
    [field('list.x', 'p')],
  ],
  [
    'elements of which none is reported, plain',
    { keys: X, keyValue: { 'list.x': 'z' }, isPlain: true, write: document(TWO) },
    [field('list.x', 'z')],
  ],
  [
    'elements of which none is reported for certain',
    { keys: X, keyValue: { 'list.x': 'z' }, write: document(TWO) },
    [field('list.x', undefined)],
  ],
  [
    'a value that the server reports for another path',
    { keys: A, keyValue: { b: 'z' }, write: document({ a: 'x' }) },
    [field('a', 'x')],
  ],
  [
    'a filter that identifies the value',
    { keys: A, write: { update: { $set: { b: 'y' } }, filter: { a: 'x' }, mayInsert: true } },
    [field('a', 'x')],
  ],
  [
    'a filter and what is reported',
    {
      keys: A,
      keyValue: { a: 'x' },
      write: { update: { $set: { b: 'y' } }, filter: { a: 'x' }, mayInsert: true },
    },
    [field('a', 'x')],
  ],
  [
    'words beside a reported value',
    { keys: { 'list.x': 'text', 'list.y': 1 }, keyValue: { 'list.y': '2' }, write: document(TWO) },
    [field('list.x', undefined), field('list.y', '2', 'list.1.y')],
  ],
  [
    'cells beside a reported value',
    { keys: { 'list.x': '2d', 'list.y': 1 }, keyValue: { 'list.y': '2' }, write: document(TWO) },
    [field('list.x', undefined), field('list.y', '2', 'list.1.y')],
  ],
  [
    'an element with an empty string',
    {
      keys: XY,
      keyValue: { 'list.x': '' },
      write: document({
        list: [
          { x: '', y: '1' },
          { x: 'z', y: '2' },
        ],
      }),
    },
    [field('list.x', '', 'list.0.x'), field('list.y', '1', 'list.0.y')],
  ],
  [
    'an element that is known in part',
    {
      keys: XY,
      keyValue: { 'list.x': 's', 'list.y': '' },
      write: {
        update: { $set: { 'list.0.y': '', 'list.1.y': 'z' } },
        filter: {},
        mayInsert: false,
      },
    },
    [field('list.x', undefined, 'list.0.x'), field('list.y', '', 'list.0.y')],
  ],
  [
    'a key that no element has, proven by one',
    { keys: XY, keyValue: { 'list.x': 'q', 'list.y': '9' }, write: document(TWO) },
    [field('list.x', 'q'), field('list.y', '9')],
  ],
  [
    'elements of which one has no printed form',
    { keys: X, write: document({ list: [{ x: 'p' }, { x: 1.5 }] }) },
    [field('list.x', undefined)],
  ],
  [
    'a known element beside one that is not',
    {
      keys: X,
      keyValue: { 'list.x': 'p' },
      write: {
        update: { $set: { 'list.0.x': 'p', 'list.1.y': '1' } },
        filter: {},
        mayInsert: false,
      },
    },
    [field('list.x', 'p', 'list.0.x')],
  ],
  [
    'an element of an upsert that may have inserted',
    {
      keys: X,
      keyValue: { 'list.x': 'p' },
      write: {
        update: { $set: { 'list.0.x': 'p' }, $setOnInsert: { n: 1 } },
        filter: {},
        mayInsert: true,
      },
    },
    [field('list.x', 'p', 'list.0.x')],
  ],
  [
    'two equal elements beside a value',
    {
      keys: { n: 1, 'list.x': 1 },
      keyValue: { n: 1, 'list.x': 'p' },
      write: document({ n: 1, list: [{ x: 'p' }, { x: 'p' }] }),
    },
    [field('n', 1), field('list.x', 'p')],
  ],
  [
    'two equal elements of which one path is reported',
    {
      keys: XY,
      keyValue: { 'list.x': 'p' },
      write: document({
        list: [
          { x: 'p', y: '1' },
          { x: 'p', y: '1' },
        ],
      }),
    },
    [field('list.x', 'p'), field('list.y', '1')],
  ],
  [
    'a text index',
    { keys: { a: 'text', b: 1 }, keyValue: { b: 'y' }, write: document({ a: 'x', b: 'y' }) },
    [field('a', 'x'), field('b', 'y')],
  ],
  [
    'a geo index',
    {
      keys: { at: '2dsphere', n: 1 },
      keyValue: { at: 5, n: 1 },
      write: document({ at: [1, 2], n: 1 }),
    },
    [field('at', [1, 2]), field('n', 1)],
  ],
])('the fields of %s', (_, { keys, isCollated, keyValue, keyText, isPlain, write }, fields) => {
  const index = { name: 'i', keyPattern: keys, isCollated: isCollated === true };
  const reported = {
    keyValue: new Map(Object.entries(keyValue ?? {})),
    keyText,
    isPlain: isPlain === true,
  };
  expect(findFieldErrors(model, index, reported, write)).toEqual(fields);
});
