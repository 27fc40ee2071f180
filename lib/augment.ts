import type { Document, HydratedDocument, Require_id } from 'mongoose';
import type { AnyModel } from './options';
import type { SaveOrUpsertResult } from './statics/save-or-upsert';
import type { SaveOrUpsertManyResult } from './statics/save-or-upsert-many';
import type {
  SaveInput,
  SaveOrUpsertManyOptions,
  SaveOrUpsertOptions,
} from './statics/upsert-options';

/** The raw document type of a model. By castObject: with statics merged in, Model<infer R> is `any`. */
export type RawDocumentOf<M> = M extends {
  // The shape of Mongoose's own declaration.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  castObject(obj: any, options?: any): infer R;
}
  ? R
  : never;

/** The hydrated document type of a model, with its methods and virtuals. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any constructor, as InstanceType has it.
export type HydratedDocumentOf<M> = M extends abstract new (...args: any) => infer D
  ? D
  : HydratedDocument<RawDocumentOf<M>>;

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

/** The statics that the plugin adds to a model. */
export interface UniqueGuardStatics {
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
  saveOrUpsert<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options: SaveOrUpsertOptions<RawDocumentOf<M>> & { lean: true },
  ): Promise<SaveOrUpsertResult<PlainDocumentOf<M>>>;
  saveOrUpsert<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options: SaveOrUpsertOptions<RawDocumentOf<M>> & { lean: { virtuals: true } },
  ): Promise<SaveOrUpsertResult<PlainDocumentOf<M> & VirtualsOf<M>>>;
  saveOrUpsert<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options: SaveOrUpsertOptions<RawDocumentOf<M>> & { lean: { virtuals?: boolean | string[] } },
  ): Promise<SaveOrUpsertResult<PlainDocumentOf<M> & Partial<VirtualsOf<M>>>>;
  saveOrUpsert<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options?: SaveOrUpsertOptions<RawDocumentOf<M>> & { lean?: false },
  ): Promise<SaveOrUpsertResult<HydratedDocumentOf<M>>>;
  saveOrUpsert<M extends AnyModel>(
    this: M,
    input: SaveInput<RawDocumentOf<M>>,
    options: SaveOrUpsertOptions<RawDocumentOf<M>>,
  ): Promise<SaveOrUpsertResult<HydratedDocumentOf<M> | PlainDocumentOf<M>>>;

  /**
   * The same for many inputs: each batch is one bulkWrite, and one query more for the `_id`s of
   * documents that were there. One input's failure does not stop the others. Inputs with the same key
   * act one after the other, in order; a race is run again for those rows alone.
   *
   * `pre('validate')` and `pre('save')` middleware run on each input, those of a batch at the same time;
   * no query middleware runs. Memory holds one batch and an entry for each input.
   *
   * @param inputs an array, an iterable or an async iterable of inputs
   * @param options see {@link SaveOrUpsertManyOptions}
   * @returns an entry for each input, and how many were created, updated, skipped and failed
   * @throws the driver's error where a batch as a whole failed, or what `inputs` or `onProgress` throw;
   *   `error.partialResult` (not enumerable) has the entries of the batches before
   * @throws in a transaction the first error that the server gives, for that ends it
   * @throws TypeError where an option is wrong; nothing was sent
   *
   * @example
   * const { created, failed, results } = await User.saveOrUpsertMany(rows, { batchSize: 500 });
   * for (const { index, error } of results) if (error) log(`row ${index}: ${error.message}`);
   */
  saveOrUpsertMany<M extends AnyModel>(
    this: M,
    inputs: Iterable<SaveInput<RawDocumentOf<M>>> | AsyncIterable<SaveInput<RawDocumentOf<M>>>,
    options?: SaveOrUpsertManyOptions<RawDocumentOf<M>>,
  ): Promise<SaveOrUpsertManyResult<HydratedDocumentOf<M>['_id']>>;
}

// The plugin cannot change the type of the schema it is given, so the statics show on every model,
// on those without the plugin too.
declare module 'mongoose' {
  // A merged interface repeats the name of the parameter.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars, @typescript-eslint/no-empty-object-type
  interface Model<TRawDocType> extends UniqueGuardStatics {}
}
