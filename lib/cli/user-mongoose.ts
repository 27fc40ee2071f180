/** The Mongoose that the models file uses, kept from building anything. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Mongoose } from 'mongoose';
import { preventInit } from '../mongoose-internals';
import { UsageError } from './parse-command';

/**
 * Its own copy: the one that is found from the file, else from where the command runs.
 *
 * @throws UsageError where there is none
 */
export function requireMongoose(file: string, directory: string): Mongoose {
  for (const from of [file, path.join(directory, 'index.js')]) {
    const require = createRequire(from);
    // It is null for Node's own modules alone.
    const found = (require.resolve.paths('mongoose') as string[]).some((modules) =>
      existsSync(path.join(modules, 'mongoose')),
    );
    if (found) return require('mongoose') as Mongoose;
  }
  throw new UsageError(`mongoose is not installed, neither beside ${file} nor in ${directory}`);
}

/**
 * From here on no model of this Mongoose creates a collection or builds an index, whatever its schema
 * says (`autoIndex: true`) and whatever the models file calls itself. To be called before models are
 * compiled: they start to build when they are.
 */
export function preventBuilds(mongoose: Mongoose): void {
  mongoose.set({ autoIndex: false, autoCreate: false });
  preventInit(mongoose);
}
