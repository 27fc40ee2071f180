import { parseDuplicateKey } from '../lib/error/duplicate-key';
import messages from './support/error-messages.json';

describe('what the text of a duplicate-key error tells', () => {
  it.each(messages)('$server: $errmsg', ({ errmsg, expected }) => {
    const { db, collection, indexName } = parseDuplicateKey({ text: errmsg });
    expect({ db, collection, indexName }).toEqual({
      db: expected.db ?? undefined,
      collection: expected.collection ?? undefined,
      indexName: expected.index ?? undefined,
    });
  });
});
