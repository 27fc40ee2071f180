import { Types } from 'mongoose';
import { findPossibleIndexes } from '../../lib/convert/find-possible-indexes';
import type { UniqueIndex } from '../../lib/schema/unique-index';
import type { Write } from '../../lib/write/write';

const INDEXES: UniqueIndex[] = [
  { name: '_id_', keyPattern: { _id: 1 } },
  { name: 'email_1', keyPattern: { email: 1 } },
  { name: 'tenant_1_slug_1', keyPattern: { tenant: 1, slug: 1 } },
  { name: 'phone_1', keyPattern: { phone: 1 }, sparse: true },
  { name: 'a_1_b_1', keyPattern: { a: 1, b: 1 }, sparse: true },
];
const ALL = INDEXES.map(({ name }) => name);
const PLAIN = ['email_1', 'tenant_1_slug_1'];
const made = new Types.ObjectId();

const namesFor = (write: Write) =>
  findPossibleIndexes(INDEXES, write, () => new Types.ObjectId().toHexString()).map(
    ({ name }) => name,
  );

describe('the indexes that a write could have violated', () => {
  it.each<[string, Write, string[]]>([
    ['a write of which nothing is known', {}, ALL],
    ['the same, of an existing document', { mayInsert: false }, ALL],
    ['an empty document', { document: {} }, PLAIN],
    ['a complete one', { document: {}, isComplete: true }, PLAIN],
    ['a document with a value', { document: { email: 'a' } }, PLAIN],
    [
      'a document with a value of a sparse index',
      { document: { phone: 1 } },
      [...PLAIN, 'phone_1'],
    ],
    ['with one of its two values', { document: { b: 1 } }, [...PLAIN, 'a_1_b_1']],
    ['with null there', { document: { phone: null } }, [...PLAIN, 'phone_1']],
    ['a document with an _id of this process', { document: { _id: made } }, PLAIN],
    ['with an _id of another', { document: { _id: 'f'.repeat(24) } }, ['_id_', ...PLAIN]],
    ['with an _id that is no ObjectId', { document: { _id: 5 } }, ['_id_', ...PLAIN]],
    ['with a longer _id', { document: { _id: `${made.toHexString()}0` } }, ['_id_', ...PLAIN]],
    ['with an _id before it', { document: { _id: `0${made.toHexString()}` } }, ['_id_', ...PLAIN]],
    [
      'a document that was loaded',
      { document: {}, mayInsert: false },
      ALL.filter((name) => name !== '_id_'),
    ],
    [
      'an update of an existing document',
      { update: { $set: { email: 'a' } }, filter: {}, mayInsert: false },
      ['email_1'],
    ],
    [
      'of a part of a compound key',
      { update: { $unset: { slug: 1 } }, filter: {}, mayInsert: false },
      ['tenant_1_slug_1'],
    ],
    ['of no indexed path', { update: { $inc: { n: 1 } }, filter: {}, mayInsert: false }, []],
    ['of the _id', { update: { $set: { _id: 5 } }, filter: {}, mayInsert: false }, []],
    ['a pipeline', { update: [], filter: {}, mayInsert: false }, ALL.slice(1)],
    ['an upsert', { update: { $set: { n: 1 } }, filter: {}, mayInsert: true }, PLAIN],
    [
      'an upsert by _id',
      { update: { $set: { n: 1 } }, filter: { _id: 5 }, mayInsert: true },
      ['_id_', ...PLAIN],
    ],
    [
      'an upsert by a value of a sparse index',
      { update: { $set: { n: 1 } }, filter: { phone: 1 }, mayInsert: true },
      [...PLAIN, 'phone_1'],
    ],
    [
      'an upsert that writes on insert',
      { update: { $setOnInsert: { phone: 1 } }, filter: {}, mayInsert: true },
      [...PLAIN, 'phone_1'],
    ],
  ])('%s', (_, write, names) => {
    expect(namesFor(write)).toEqual(names);
  });
});
