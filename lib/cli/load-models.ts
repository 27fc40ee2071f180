/** Loads the user's file and finds the models in it. */
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mongoose } from 'mongoose';
import type { AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { baseOf } from '../schema/unique-index';
import { UsageError } from './parse-command';

/** The absolute path. @throws UsageError if the file does not exist */
export function findFile(name: string, directory: string): string {
  const file = path.resolve(directory, name);
  if (!existsSync(file) || !statSync(file).isFile()) {
    throw new UsageError(`--models: the file ${file} does not exist`);
  }
  return file;
}

/**
 * The models that the file exports, by name, as its default or inside an object or array, and those
 * that it registers on a connection of `mongoose`. Discriminators are part of their base.
 *
 * @throws UsageError if the file has none, or cannot be loaded
 */
export async function loadModels(file: string, mongoose: Mongoose): Promise<AnyModel[]> {
  const exported = findModels(await load(file), 3);
  const registered = mongoose.connections.flatMap(({ models }) => Object.values(models));
  const models = new Set([...exported, ...(registered as AnyModel[])].map(baseOf));
  if (models.size === 0) {
    throw new UsageError(
      `--models: ${file} neither exports a model nor registers one on mongoose; ` +
        'functions that it exports are not called',
    );
  }
  return [...models];
}

async function load(file: string): Promise<unknown> {
  const require = createRequire(file);
  try {
    // A loader such as ts-node may be registered for require() alone.
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- such loaders use it.
    const isForRequire = /\.c?ts$/.test(file) && '.ts' in require.extensions;
    return isForRequire ? (require(file) as unknown) : await import(pathToFileURL(file).href);
  } catch (error) {
    throw new UsageError(`--models: ${file} could not be loaded: ${String(error)}`, {
      cause: error,
    });
  }
}

function findModels(value: unknown, depth: number): AnyModel[] {
  if (isModel(value)) return [value];
  if (depth === 0 || !isObject(value)) return [];
  return isPlain(value) ? Object.values(value).flatMap((one) => findModels(one, depth - 1)) : [];
}

/** By structure: the file's Mongoose may be another copy. */
function isModel(value: unknown): value is AnyModel {
  return (
    typeof value === 'function' &&
    'modelName' in value &&
    typeof value.modelName === 'string' &&
    'schema' in value &&
    'db' in value
  );
}

/** An object literal, an array, or a module. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Array.isArray(value);
}
