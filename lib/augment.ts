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
   * The input is cast and validated, and `pre('save')` middleware runs on it, so that, for example, a password
   * is hashed. If middleware or a validator reads `isNew`, both run twice: once for a new document and once
   * for an existing one. `findOneAndUpdate` middleware runs on the query. `post('save')` middleware runs after
   * the write; if it throws, the call rejects, but the document is written.
   *
   * Always written: the paths of the input and the changes of middleware. Written on insert only: defaults,
   * `createdAt`, immutable paths, `_id`. Written if a value changes: `updatedAt`, and `__v` if `save()` would
   * increment it. `onConflict` selects another rule.
   *
   * One round trip. If a concurrent write inserts the key first, the upsert is sent again after a short random
   * wait, at most `maxRetries` times, but never in a transaction.
   *
   * @param input the paths to write
   * @param options see {@link SaveOrUpsertOptions}
   * @returns the document after the write, `created`, `changed` and the number of attempts
   * @throws ValidationError if the input is invalid (nothing was sent), if another unique index refused the
   *   write (the document with that key is unchanged), or if the last attempt failed (`error.attempts`)
   * @throws TypeError if an option is invalid, the conflict target is ambiguous, or the input has no value for
   *   it; nothing was sent
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
   * {@link UniqueGuardStatics.saveOrUpsert} for many inputs. By default, a failed input does not stop the
   * others. Inputs with the same key are written in order, by further bulkWrites. After a race, only the
   * affected inputs are sent again.
   *
   * `pre('validate')` and `pre('save')` middleware runs on each input, concurrently within a batch, and
   * `post('save')` on each written document. No query middleware runs.
   *
   * Two round trips for each batch: a query that finds inputs whose values are already stored, and one
   * `bulkWrite` of the others. While a batch is sent, the next one is prepared. Memory holds two batches, and
   * an entry for each input (with `results: 'failed'` for each failed input).
   *
   * @param inputs an array, an iterable or an async iterable of inputs
   * @param options see {@link SaveOrUpsertManyOptions}
   * @returns an entry for each input, and how many were created, updated, unchanged, skipped and failed
   * @throws the driver's error if a whole batch failed, or what `inputs` or `onProgress` throws;
   *   `error.partialResult` (not enumerable) has an entry for every input that is known to be written
   * @throws in a transaction, the first error of the server, which aborts the transaction
   * @throws TypeError if an option is invalid; nothing was sent
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
   * Reports which unique indexes a new document with this input would violate now. It is advisory: another
   * write may use the value before yours, and then the index refuses yours. Use it to inform a user early, and
   * still catch the error of the write.
   *
   * The input is cast as a document (setters and defaults run), but not validated. Nothing is written and no
   * middleware runs.
   *
   * One query on the primary for each declared unique index, all at once; in a session one after the other.
   * Each query reads at most two documents. If an array has several keys in a violated index, up to one more
   * query for each of them. If the index was never built, its query scans the collection.
   *
   * @param input the paths of the document
   * @param options see {@link CheckUniqueOptions}
   * @returns a ValidationError with the errors of all indexes that would refuse the write, or null
   * @throws ValidationError if a value on a unique index cannot be cast, as in a save
   * @throws TypeError if a value is an object with operators, or an option is invalid; nothing was sent
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
   * Compares the unique indexes that the schema declares, including those of its base model and
   * discriminators, with those of the collection, and finds the documents that block missing indexes. It
   * changes nothing.
   *
   * Keys are compared as the index compares them, with sparse, partial and collated indexes, arrays, and
   * missing paths as null. Blocking documents are not searched for text and geo indexes, and for a path that
   * contains a number: see `notExamined`.
   *
   * One round trip if every index is as declared. A missing index costs one collection scan, or three if
   * documents block it. The server uses its disk for what does not fit into memory. For a large collection,
   * run it where a scan is acceptable, such as on a restored backup.
   *
   * Keys and `_id`s are the driver's values. Values that errors hide (`hideValues`, `select: false`) are
   * omitted from `blocking.groups[].key`. Servers before MongoDB 6.0 return at most two `_id`s for each key.
   *
   * @param options see {@link AuditOptions}
   * @returns the report, which `formatAudit` prints
   * @throws TypeError if an option is invalid
   * @throws Error if the model has no connection
   * @throws the server's error if it refuses to list the indexes or to aggregate
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
   * `Model.checkUnique()` for a document: reports which unique indexes its `save()` would violate now. It is
   * advisory, too.
   *
   * A new document is checked on all unique indexes, a loaded one on those with a modified path. One query for
   * each checked index, as for the static.
   *
   * @param options `session`: the session to read in. Default: the document's session.
   * @returns a ValidationError with the errors of all indexes that would refuse the save, or null
   * @throws ValidationError if a modified value on a unique index could not be cast
   * @throws TypeError if an option is invalid, or this is a subdocument
   *
   * @example
   * user.set(request.body);
   * const duplicate = await user.checkUnique();
   */
  checkUnique(options?: Pick<CheckUniqueOptions, 'session'>): Promise<UniqueValidationError | null>;
}

interface UniqueGuardOption {
  /** Options of the plugin for this call, such as `{ collectAll: true }`. Default: the plugin's. */
  uniqueGuard?: UniqueGuardCallOptions;
}

// A plugin cannot change the type of a schema, so every model has the types of the statics, even without
// the plugin.
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
