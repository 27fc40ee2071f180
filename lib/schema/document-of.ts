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

/** The hydrated document type of a model, with its methods and virtuals. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any constructor, as InstanceType has it.
export type HydratedDocumentOf<M> = M extends abstract new (...args: any) => infer D
  ? D
  : HydratedDocument<RawDocumentOf<M>>;

/** A path of the document type, or one below. */
export type PathOf<Raw> = '_id' | (keyof Raw & string) | `${keyof Raw & string}.${string}`;
