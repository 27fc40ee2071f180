/**
 * `Model.saveOrUpsert()`: prepares one input (prepare/), sends it and retries a lost race (send/), then
 * runs `post('save')` middleware. It never calls `save()`.
 */
import { captureFrames, setFrames } from '../convert/stack';
import { isUniqueValidationError } from '../convert/validation-error';
import { isMongooseDocument, type AnyDocument, type AnyModel } from '../mongoose-internals';
import { runPostSaveMiddleware, toSaveError, type MiddlewareDocuments } from './post-save';
import {
  prepareUpsert,
  startUpsertCall,
  type PreparedUpsert,
  type UpsertCall,
} from './prepare/prepare-upsert';
import { findMaxRetries, isLostRace, noteAttempts, waitBeforeRetry } from './send/retry';
import { sendUpsert, type SentUpsert } from './send/send-upsert';
import { checkOptionsOfOne, type SaveOrUpsertOptions } from './upsert-options';

/** What saveOrUpsert resolves to. */
export interface SaveOrUpsertResult<Doc> {
  /** The document after the write; with `onConflict: 'skip'` the stored one. */
  doc: Doc;
  /** True if the write inserted the document. */
  created: boolean;
  /**
   * True for a new document, and if a stored value other than `updatedAt` changed. Undefined for an
   * existing document of a schema without `updatedAt`, which is written without comparing. An update
   * with operators counts as a change.
   */
  changed: boolean | undefined;
  /** How often the write was sent: 1, unless another write used the key in between. */
  attempts: number;
}

/** See {@link UniqueGuardStatics.saveOrUpsert}. */
export async function saveOrUpsert(
  this: AnyModel,
  input: unknown,
  options: SaveOrUpsertOptions = {},
): Promise<SaveOrUpsertResult<unknown>> {
  checkOptionsOfOne(options, input);
  const call = startUpsertCall(this, options);
  const prepared = await prepareUpsert(call, input);
  const { attempts, ...sent } = await sendUntilDone(call, prepared, options);
  const { doc, created, changed } = sent;
  const isWritten = created || call.rule.kind !== 'skip';
  const { model, middlewareDocuments: documents } = prepared;
  if (isWritten && prepared.runsPostSave && documents) {
    const written = isMongooseDocument(doc) ? doc : hydrate(model, documents, sent.stored);
    await runPostSaveMiddleware(written, documents, created);
  }
  return { doc, created, changed, attempts };
}

/** Retries a lost race, at most `maxRetries` times. */
async function sendUntilDone(
  call: UpsertCall,
  prepared: PreparedUpsert,
  options: SaveOrUpsertOptions,
): Promise<SentUpsert & { attempts: number }> {
  const maxRetries = findMaxRetries(call.model, options);
  for (let attempts = 1; ; attempts += 1) {
    try {
      return { ...(await sendUpsert(prepared, call.rule, options)), attempts };
    } catch (error) {
      const isRace = isLostRace(prepared.target, error);
      if (isRace) noteAttempts(error, attempts);
      if (!isRace || attempts > maxRetries) {
        // V8 keeps ten frames. The driver fills them, so the caller's frames would be missing.
        if (isUniqueValidationError(error)) setFrames(error, captureFrames());
        const { middlewareDocuments: documents } = prepared;
        throw documents ? await toSaveError(documents.inserted, options, error) : error;
      }
      await waitBeforeRetry(attempts - 1);
    }
  }
}

/** With `lean`, `post('save')` middleware still gets a hydrated document. */
function hydrate(model: AnyModel, { inserted }: MiddlewareDocuments, stored: unknown): AnyDocument {
  const document = model.hydrate(stored) as unknown as AnyDocument;
  document.$session(inserted.$session());
  return document;
}
