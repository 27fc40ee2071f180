/** Finds the Mongoose that the models file uses, and prevents it from building indexes. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Mongoose } from 'mongoose';
import { preventInit } from '../mongoose-internals';
import { UsageError } from './parse-command';

/**
 * The Mongoose that the file resolves, else the one in the working directory.
 *
 * @throws UsageError if neither exists
 */
export function requireMongoose(file: string, directory: string): Mongoose {
  for (const from of [file, path.join(directory, 'index.js')]) {
    const require = createRequire(from);
    // Null for Node's own modules only.
    const found = (require.resolve.paths('mongoose') as string[]).some((modules) =>
      existsSync(path.join(modules, 'mongoose')),
    );
    if (found) return require('mongoose') as Mongoose;
  }
  throw new UsageError(`mongoose is not installed, neither beside ${file} nor in ${directory}`);
}

/**
 * Prevents all models of this Mongoose from creating collections and building indexes, even with
 * `autoIndex: true` in the schema, or if the models file calls `createIndexes()`. Must be called before models are compiled.
 */
export function preventBuilds(mongoose: Mongoose): void {
  mongoose.set({ autoIndex: false, autoCreate: false });
  preventInit(mongoose);
}
