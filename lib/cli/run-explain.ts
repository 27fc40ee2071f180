/** Runs the command `explain`: from an error message to its explanation. */
import { escapeControls } from '../audit/format-audit';
import { readIndexes } from '../audit/database-index';
import { parseDuplicateKey } from '../convert/parse-duplicate-key';
import { explainUniqueIndexError } from '../explain/explain-unique-index-error';
import type { AnyModel } from '../mongoose-internals';
import { findUniqueIndexes } from '../schema/unique-index';
import { connectModels } from './connect-models';
import { findError, type FoundError } from './find-error';
import { findFile, loadModels } from './load-models';
import { UsageError, type Command } from './parse-command';
import { preventBuilds, requireMongoose } from './user-mongoose';

type ExplainCommand = Extract<Command, { kind: 'explain' }>;

/** @throws UsageError if the input has no such error, or no model of the file has the collection */
export async function runExplain(
  command: ExplainCommand,
  directory: string,
  readInput: () => Promise<string>,
): Promise<string> {
  const error = findError(command.text ?? (await readInput()));
  if (error === undefined) {
    throw new UsageError(
      'the input has no error of a unique index, such as E11000 duplicate key error; ' +
        'pass the whole message or log',
    );
  }
  const file = findFile(command.models, directory);
  const mongoose = requireMongoose(file, directory);
  preventBuilds(mongoose);
  const models = await loadModels(file, mongoose);
  const { model, indexName } = findModel(error, models, command.models);
  const found =
    command.uri === undefined || model === undefined
      ? {}
      : await lookUp(model, indexName, command.uri);
  const sentence = explainUniqueIndexError({ ...found, ...error }, model);
  if (sentence === undefined) {
    throw new UsageError(
      'the input names another database than the connection string; pass the --uri of that database',
    );
  }
  return `${escapeControls(sentence)}\n`;
}

/** Finds the model by its collection, or the only model if the error of an index build names no collection. */
function findModel(error: FoundError, models: AnyModel[], file: string) {
  const names = models.flatMap((model) => findUniqueIndexes(model).map(({ name }) => name));
  const { collection, indexName } = parseDuplicateKey({ text: error.message }, names);
  const only = models.length === 1 ? models[0] : undefined;
  const model =
    collection === undefined ? only : models.find((one) => one.collection.name === collection);
  if (model === undefined && error.code === 11000) {
    const collections = models.map((one) => one.collection.name);
    throw new UsageError(
      collection === undefined
        ? 'the input does not name a collection, and --models has several models; pass the whole message, or ' +
            'a file with one model'
        : `no model of ${file} has the collection that the input names; the models have ${collections.join(', ')}`,
    );
  }
  return { model, indexName };
}

/** Reads the paths of the index from the database. */
async function lookUp(
  model: AnyModel,
  indexName: string | undefined,
  uri: string,
): Promise<{ keyPattern?: Record<string, unknown> }> {
  const { connections } = await connectModels([model], uri);
  try {
    const { indexes } = await readIndexes(model);
    const index = indexes.find(({ spec }) => spec.name === indexName);
    return index === undefined ? {} : { keyPattern: index.spec.keyPattern };
  } finally {
    await Promise.allSettled(connections.map((connection) => connection.close()));
  }
}
