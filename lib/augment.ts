import type { Document, Require_id } from 'mongoose';
import type { UniqueIndexAudit } from './audit/audit-model';
import type { AuditOptions } from './audit/audit-unique-indexes';
import type { CheckUniqueOptions } from './check/check-options';
import type { UniqueValidationError } from './convert/validation-error';
import type { AnyModel } from './mongoose-internals';
import type { UniqueGuardCallOptions } from './options/plugin-options';
import type { HydratedDocumentOf, RawDocumentOf } from './schema/document-of';
import type {
  SaveOrUpsertManyEntry,
  SaveOrUpsertManyFailure,
  SaveOrUpsertManyResult,
} from './upsert/many/save-or-upsert-many';
import type { SaveOrUpsertResult } from './upsert/save-or-upsert';
import type {
  LeanOption,
  ResultsOption,
  SaveInput,
  SaveOrUpsertManyOptions,
  SaveOrUpsertOptions,
} from './upsert/upsert-options';

/** The virtuals of a model: the members of its documents besides paths, methods and Mongoose's own. */
type VirtualsOf<M, D = HydratedDocumentOf<M>> = {
  [
    K in Exclude<keyof D, keyof RawDocumentOf<M> | keyof Document> as D[K] extends (
      ...args: never[]
    ) => unknown
      ? never
      : K
  ]: D[K];
};

type PlainDocumentOf<M> = Require_id<RawDocumentOf<M>>;

/** The document that saveOrUpsert resolves to: hydrated, or plain with the virtuals that `lean` selects. */
export type SavedDocumentOf<M, Lean> = Lean extends true
  ? PlainDocumentOf<M>
  : Lean extends { virtuals: true }
    ? PlainDocumentOf<M> & VirtualsOf<M>
    : Lean extends object
      ? PlainDocumentOf<M> & Partial<VirtualsOf<M>>
      : HydratedDocumentOf<M>;

/** The statics that the plugin adds to a model. */
interface UniqueGuardStatics {
  /**
   * Creates the document, or updates, skips or replaces the one that exists: one atomic upsert on a
   * unique index, safe under concurrency.
   *
   * The input is cast and validated, and `pre('save')` middleware runs on it, so that an upsert never
   * stores what a save would have hashed. Where middleware or a validator reads `isNew`, both run twice:
   * once for a new document and once for one that exists. `findOneAndUpdate` middleware runs on the
   * query. `post('save')` middleware runs after the write; what it throws rejects the call, though the
   * document is written.
   *
   * Written in any case: the given paths and what middleware changed. Written on insert only: defaults,
   * `createdAt`, immutable paths, `_id`. Written if a value changes: `updatedAt`, and `__v` where `save()`
   * raises it. `onConflict` selects another rule.
   *
   * One round trip. When another write uses the key in between, the upsert is sent again, at most
   * `maxRetries` times after a short random wait, but never in a transaction.
   *
   * @param input the paths to write
   * @param options see {@link SaveOrUpsertOptions}
   * @returns the document after the write, `created`, `changed` and the number of attempts
   * @throws ValidationError where the input is invalid (nothing was sent), another unique index refused
   *   the write (the document that holds the key is unchanged), or the last attempt failed
   *   (`error.attempts`)
   * @throws TypeError where an option is wrong, the conflict target is ambiguous, or the input has no
   *   value for it; nothing was sent
   *
   * @example
   * const { doc, created } = await User.saveOrUpsert({ email, name });
   * response.status(created ? 201 : 200).json(doc);
   */
  saveOrUpsert<M extends AnyModel, Lean extends LeanOption = false>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options?: SaveOrUpsertOptions<RawDocumentOf<M>, Lean>,
  ): Promise<SaveOrUpsertResult<SavedDocumentOf<M, Lean>>>;

  /**
   * {@link UniqueGuardStatics.saveOrUpsert} for many inputs. One failure does not stop the others. Inputs
   * with the same key are written in order, by further bulkWrites; a race is retried for its rows alone.
   *
   * `pre('validate')` and `pre('save')` middleware run on each input, concurrently within a batch, and
   * `post('save')` on each written document. No query middleware runs.
   *
   * For each batch: one query that finds the rows that are stored already, and one `bulkWrite` of the
   * others. While a batch is sent, the next one is prepared. Memory holds two batches and an entry for each
   * input, or with `results: 'failed'` for each that failed.
   *
   * @param inputs an array, an iterable or an async iterable of inputs
   * @param options see {@link SaveOrUpsertManyOptions}
   * @returns an entry for each input, and how many were created, updated, unchanged, skipped and failed
   * @throws the driver's error where a batch as a whole failed, or what `inputs` or `onProgress` throw;
   *   `error.partialResult` (not enumerable) has an entry for everything that is known to be written
   * @throws in a transaction the first error of the server, which aborts it
   * @throws TypeError where an option is wrong; nothing was sent
   *
   * @example
   * const { created, failed, results } = await User.saveOrUpsertMany(rows, { batchSize: 500 });
   * for (const { index, error } of results) if (error) log(`row ${index}: ${error.message}`);
   */
  saveOrUpsertMany<M extends AnyModel, Results extends ResultsOption = 'all'>(
    this: M,
    inputs: Iterable<SaveInput<RawDocumentOf<M>>> | AsyncIterable<SaveInput<RawDocumentOf<M>>>,
    options?: SaveOrUpsertManyOptions<RawDocumentOf<M>, Results>,
  ): Promise<
    SaveOrUpsertManyResult<
      HydratedDocumentOf<M>['_id'],
      Results extends 'failed'
        ? SaveOrUpsertManyFailure
        : SaveOrUpsertManyEntry<HydratedDocumentOf<M>['_id']>
    >
  >;

  /**
   * Reports which unique indexes a new document with this input would violate now. Advisory, since it is
   * racy: another write may come before yours, and then the index refuses yours. Use it to inform a user
   * early, and still catch the error of the write.
   *
   * The input is cast as a document (setters and defaults run), but not validated. Nothing is written and
   * no middleware runs. It reads from the primary, for each unique index that the schema declares. An
   * index that was never built costs a scan of the collection.
   *
   * One query for each unique index, all at once; in a session one after the other. Each reads at most two
   * documents. Where an array has several keys, a violated index takes up to one more for each of them.
   *
   * @param input the paths of the document
   * @param options see {@link CheckUniqueOptions}
   * @returns the ValidationError with the errors of all indexes that would refuse the write; null where
   *   none would
   * @throws ValidationError where a value on a unique index cannot be cast, as in a save
   * @throws TypeError where a value is an object with operators, or an option is wrong; nothing was sent
   *
   * @example
   * const duplicate = await User.checkUnique({ email }, { paths: 'email', exclude: user._id });
   * if (duplicate) console.log(duplicate.errors.email?.message);
   */
  checkUnique<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options?: CheckUniqueOptions,
  ): Promise<UniqueValidationError | null>;

  /**
   * Compares the unique indexes that the schema declares, its base's and its discriminators' included,
   * with those of the collection, and finds the documents that block the missing ones. It changes
   * nothing.
   *
   * Keys are compared as the index compares them: sparse, partial and collated indexes, arrays, missing
   * paths as null. For a text or geo index, and for one on a numbered path, no blocking documents are
   * searched; `notExamined` gives the reason.
   *
   * One round trip where every index is as declared. A missing index costs one collection scan on the
   * server, three where documents block it; the server uses its disk for what does not fit in memory. On
   * a large collection, run it where a scan does no harm. Keys and `_id`s are the driver's values.
   *
   * A value that errors hide (`hideValues`, `select: false`) is omitted from `blocking.groups[].key`.
   * Servers before MongoDB 6.0 return at most two `_id`s for each key.
   *
   * @param options see {@link AuditOptions}
   * @throws TypeError where an option is wrong; Error where the model has no connection; the server's
   *   error where it refuses to list the indexes or to aggregate
   *
   * @example
   * const audit = await User.auditUniqueIndexes();
   * if (!audit.ok) console.log(formatAudit(audit));
   */
  auditUniqueIndexes(this: AnyModel, options?: AuditOptions): Promise<UniqueIndexAudit>;
}

/** The method that the plugin adds to a document. */
interface UniqueGuardMethods {
  /**
   * `Model.checkUnique()` for a document, advisory as well. Reports which unique indexes its save would
   * violate now: those on its modified paths, or all for a new document. One query for each of them, as of
   * the static; none where no path of an index is modified.
   *
   * @param options `session`: the session to read in. Default: the document's own.
   * @returns the ValidationError, or null
   * @throws ValidationError where a modified value on a unique index could not be cast
   * @throws TypeError where an option is wrong, or this is a subdocument
   *
   * @example
   * user.set(request.body);
   * const duplicate = await user.checkUnique();
   */
  checkUnique(options?: Pick<CheckUniqueOptions, 'session'>): Promise<UniqueValidationError | null>;
}

interface UniqueGuardOption {
  /** What this call sets for the plugin, such as `{ collectAll: true }`. */
  uniqueGuard?: UniqueGuardCallOptions;
}

// The plugin cannot change the type of the schema that it is applied to, so the statics are typed on
// every model, also on those without the plugin.
declare module 'mongoose' {
  // A merged interface repeats the name of the parameter.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface Model<TRawDocType> extends UniqueGuardStatics {}
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface Document<T> extends UniqueGuardMethods {}
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface SaveOptions extends UniqueGuardOption {}
  // `Model.updateOne` and `replaceOne` accept these by `setOptions()` only: the type of their options is
  // no interface.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface QueryOptions<DocType> extends UniqueGuardOption {}
}
