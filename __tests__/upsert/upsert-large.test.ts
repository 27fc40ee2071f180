/** A document near the server's limit of 16 MB, which the update that compares it must not pass. */
import { isDeepStrictEqual } from 'node:util';
import { Schema } from 'mongoose';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { UPSERTS } from '../support/upserts';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);
const email = { type: String, unique: true };
const OLD = new Date('2001-01-01');

describe.each(UPSERTS)('%s of a document of 15 MB', (_, call) => {
  const withTimestamps = () => new Schema({ email, text: {} }, { timestamps: true }) as Schema;
  const withMiddleware = () => {
    const schema = new Schema({ email, text: {}, role: String }, { timestamps: true });
    schema.pre('save', function () {
      this.role = this.isNew ? 'new' : 'old';
    });
    return schema as Schema;
  };
  const texts = ['x', 'y', 'y'].map((letter) => letter.repeat(15_000_000));

  it.each<[string, 'update' | 'replace', () => Schema, (text: string) => unknown]>([
    ['a string', 'update', withTimestamps, (text) => text],
    ['a string', 'replace', withTimestamps, (text) => text],
    // Each run of middleware that reads isNew has an object of its own.
    ['an object, with middleware', 'update', withMiddleware, (text) => ({ a: [text] })],
    ['an object, with middleware', 'replace', withMiddleware, (text) => ({ a: [text] })],
  ])('writes and compares %s: %s', async (...[, onConflict, toSchema, toValue]) => {
    const Thing = await compile(toSchema());
    const times: unknown[] = [];
    for (const text of texts.map(toValue)) {
      await call(Thing, { email: 'a', text }, { onConflict });
      const stored = await Thing.collection.findOne();
      expect(isDeepStrictEqual(stored?.['text'], text)).toBe(true);
      times.push(stored?.['updatedAt']);
      await Thing.collection.updateOne({}, { $set: { updatedAt: OLD } });
    }
    expect(times[1]).not.toEqual(OLD);
    expect(times[2]).toEqual(OLD);
  });
});
