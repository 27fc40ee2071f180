import { parseDuplicateKey, type DuplicateKey } from '../../lib/convert/parse-duplicate-key';
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
