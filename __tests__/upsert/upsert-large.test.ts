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
  const schemas: Record<string, () => Schema> = {
    'with timestamps': () => new Schema({ email, text: {} }, { timestamps: true }) as Schema,
    'with middleware that reads isNew': () => {
      const schema = new Schema({ email, text: {}, role: String }, { timestamps: true });
      schema.pre('save', function () {
        this.role = this.isNew ? 'new' : 'old';
      });
      return schema as Schema;
    },
  };
  const texts = ['x', 'y', 'y'].map((letter) => letter.repeat(15_000_000));
  const FORMS: Record<string, (text: string) => unknown> = {
    'a string': (text) => text,
    'an object': (text) => ({ a: [text] }),
  };

  it.each(
    Object.keys(schemas).flatMap((title) =>
      Object.keys(FORMS).flatMap((form) =>
        (['update', 'replace'] as const).map((onConflict) => [title, form, onConflict] as const),
      ),
    ),
  )('%s writes and compares %s: %s', async (title, form, onConflict) => {
    const Thing = await compile((schemas[title] as () => Schema)());
    const times: unknown[] = [];
    for (const text of texts.map(FORMS[form] as (text: string) => unknown)) {
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
