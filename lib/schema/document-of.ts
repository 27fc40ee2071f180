/** The types of a model's documents and of their paths. */
import type { HydratedDocument } from 'mongoose';

/** The raw document type of a model. By castObject: with statics merged in, Model<infer R> is `any`. */
export type RawDocumentOf<M> = M extends {
  // The shape of Mongoose's own declaration.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  castObject(obj: any, options?: any): infer R;
}
  ? R
  : never;

/**
 * The hydrated document type of a model, with its methods and virtuals. By hydrate: of a model that is
 * also a class of the user's (Typegoose, `Model<User> & typeof User`), `new` creates that class.
 */
export type HydratedDocumentOf<M> = M extends {
  // The shape of Mongoose's own declaration.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  hydrate(obj: any, projection?: any, options?: any): infer D;
}
  ? D
  : HydratedDocument<RawDocumentOf<M>>;

/** A path of the document type, or one below. */
export type PathOf<Raw> = '_id' | (keyof Raw & string) | `${keyof Raw & string}.${string}`;
