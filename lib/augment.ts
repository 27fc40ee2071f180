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

/** The virtuals of a model: what its documents have besides paths, methods and Mongoose's own. */
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

/** The document that saveOrUpsert resolves to: hydrated, or plain with the virtuals that `lean` asks for. */
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
   * Creates the document, or updates, skips or replaces the one that is there: one atomic upsert on a
   * unique index, safe when many call it at once.
   *
   * The input is cast and validated as a document; then the schema's own `pre('save')` middleware runs
   * on it, so that an upsert never stores what a save would have hashed. Where middleware or a validator
   * reads `isNew`, both run twice, for what was done for a new document must not reach one that exists.
   * `post('save')` does not run: `created` tells what to do. `findOneAndUpdate` middleware runs.
   *
   * Written always: the given paths, what middleware changed, `updatedAt`. Only on insert: defaults,
   * `createdAt`, immutable paths, `_id`. `onConflict` and `update` say otherwise.
   *
   * One round trip. When another write takes the key in between it runs again, `maxRetries` times with a
   * short random wait, never in a transaction.
   *
   * @param input the paths to write
   * @param options see {@link SaveOrUpsertOptions}
   * @returns the document after the write, whether it was created, and after how many attempts
   * @throws ValidationError where the input is invalid (nothing was sent), another unique index refused
   *   it (the document that has the key is untouched), or the last attempt failed (`error.attempts`)
   * @throws TypeError where an option is wrong, the conflict target is not clear, or the input has no
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
   * The same for many inputs: each batch is one query that reads what is stored, and one bulkWrite. One
   * input's failure does not stop the others. Inputs with the same key are written in order, by further
   * bulkWrites; a race is run again for those rows alone.
   *
   * `pre('validate')` and `pre('save')` middleware run on each input, those of a batch at the same time;
   * no query middleware runs. Memory holds one batch and an entry for each input, or with
   * `results: 'failed'` for each that failed.
   *
   * @param inputs an array, an iterable or an async iterable of inputs
   * @param options see {@link SaveOrUpsertManyOptions}
   * @returns an entry for each input, and how many were created, updated, skipped and failed
   * @throws the driver's error where a batch as a whole failed, or what `inputs` or `onProgress` throw;
   *   `error.partialResult` (not enumerable) has an entry for everything that is known to be written
   * @throws in a transaction the first error that the server gives, for that ends it
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
   * No guarantee: another write may come before yours, and then the index refuses yours. Use it to tell
   * a user early, and catch the error of the write all the same.
   *
   * Says which unique indexes a new document with this input would violate now.
   *
   * The input is cast as a document (setters and defaults run); what else a save would validate is no
   * part of the answer. Nothing is written and no middleware runs. It reads on the primary, by the
   * unique indexes that the schema declares: where one was never built, the answer is that of the
   * schema, and it takes a scan of the collection.
   *
   * One query for each unique index, all at once; in a session one after the other. Each reads at most two
   * documents. Where an array has several keys, a violated index takes up to one more for each of them.
   *
   * @param input the paths of the document
   * @param options see {@link CheckUniqueOptions}
   * @returns the ValidationError with the errors of all indexes that would refuse it, as the write
   *   would give them one by one; null where none would
   * @throws ValidationError where a value on a unique index cannot be cast, as a save would
   * @throws TypeError where a value is an object of operators, or an option is wrong; nothing was sent
   *
   * @example
   * const taken = await User.checkUnique({ email }, { paths: 'email', exclude: user._id });
   * if (taken) console.log(taken.errors.email?.message);
   */
  checkUnique<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options?: CheckUniqueOptions,
  ): Promise<UniqueValidationError | null>;

  /**
   * Compares the unique indexes that the schema declares, its base's and its discriminators' included,
   * with those that the collection has, and finds the documents that block the ones that are not there.
   * It changes nothing.
   *
   * A key counts as the index would count it: sparse, partial and collated indexes, arrays, missing
   * paths as null. Of a text or geo index, and of one on a numbered path, nothing is looked for that
   * blocks it; `notExamined` says so.
   *
   * One round trip where all is well. An index that is not there costs one collection scan, three where
   * documents block it, on the server, which goes to its disk for what does not fit in memory: on a
   * large collection run it where a scan does no harm. Keys and `_id`s are as the driver gives them;
   * the whole is fit for JSON where they are.
   *
   * A value that errors hide (`hideValues`, `select: false`) is left out of `blocking.groups[].key`.
   * Servers before MongoDB 6.0 give two `_id`s at most for each key.
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
   * No guarantee either: `Model.checkUnique()` for a document. Says which unique indexes its save would
   * violate now, of those on its modified paths (for a new document: of all). One query for each of them, as
   * of the static; none where nothing on an index is modified.
   *
   * @param options `session`: the session to read in. Default: the document's own.
   * @returns the ValidationError, or null
   * @throws ValidationError where a modified value on a unique index could not be cast
   * @throws TypeError where an option is wrong, or this is a subdocument
   *
   * @example
   * user.set(request.body);
   * const taken = await user.checkUnique();
   */
  checkUnique(options?: Pick<CheckUniqueOptions, 'session'>): Promise<UniqueValidationError | null>;
}

interface UniqueGuardOption {
  /** What this call sets for the plugin, such as `{ collectAll: true }`. */
  uniqueGuard?: UniqueGuardCallOptions;
}

// The plugin cannot change the type of the schema it is given, so the statics show on every model,
// on those without the plugin too.
declare module 'mongoose' {
  // A merged interface repeats the name of the parameter.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface Model<TRawDocType> extends UniqueGuardStatics {}
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface Document<T> extends UniqueGuardMethods {}
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface SaveOptions extends UniqueGuardOption {}
  // `Model.updateOne` and `replaceOne` take these by `setOptions()` alone: their own type of options is
  // no interface.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface QueryOptions<DocType> extends UniqueGuardOption {}
}
