import type { Mongoose, Schema } from 'mongoose';
import { uniqueGuard, type UniqueGuardOptions } from 'mongoose-unique-guard';
import type { AnyModel } from './writes';

/** Compiles models one after the other under names of their own, their unique indexes built. */
export function modelFactory(mongoose: Mongoose) {
  let count = 0;
  return async (schema: Schema, options?: UniqueGuardOptions): Promise<AnyModel> => {
    schema.plugin(uniqueGuard, options);
    count += 1;
    const model = mongoose.model(`Model${String(count)}`, schema) as unknown as AnyModel;
    await model.createCollection();
    await model.ensureIndexes();
    return model;
  };
}
