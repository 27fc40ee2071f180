/** Runs the `post('save')` middleware of the rows of a batch. */
import { toComparable } from '../../bson/comparable';
import { findSession, type AnyDocument } from '../../mongoose-internals';
import { runPostSaveMiddleware, type MiddlewareDocuments } from '../post-save';
import type { UpsertCall } from '../prepare/prepare-upsert';
import type { ReadyRow, Row, Written } from './send-rows';

type WrittenRow = ReadyRow & { outcome: Written };

/** Reads the written documents with one query. Sends none if the schema has no such middleware. */
export async function runPostSaveOfRows(
  { model, options, rule }: UpsertCall,
  rows: Row[],
): Promise<void> {
  const written = rows.filter((row): row is WrittenRow => {
    const { prepared, outcome } = row;
    if (!prepared?.runsPostSave || outcome === undefined || 'error' in outcome) return false;
    return outcome.created || rule.kind !== 'skip';
  });
  if (written.length === 0) return;
  const session = findSession(model, options.session);
  const filter = { _id: { $in: written.map(({ storedId }) => storedId) } };
  const reading = { readPreference: 'primary', ...(session && { session }) } as const;
  const documents = await model.collection.find(filter as object, reading).toArray();
  const byId = new Map(documents.map((document) => [toComparable(document._id), document]));
  await Promise.all(
    written.map(async ({ prepared, outcome, storedId }) => {
      const stored = byId.get(toComparable(storedId));
      // Another client has deleted it since the write.
      if (stored === undefined) return;
      const document = prepared.model.hydrate(stored) as unknown as AnyDocument;
      if (session) document.$session(session);
      // They are kept where such middleware runs.
      await runPostSaveMiddleware(
        document,
        prepared.middlewareDocuments as MiddlewareDocuments,
        outcome.created,
      );
    }),
  );
}
