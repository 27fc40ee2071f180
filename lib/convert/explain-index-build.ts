/** Explains an index that could not be built because duplicates are stored. Pure. */
import type { AnyModel } from '../mongoose-internals';
import { findOptions } from '../options/plugin-options';
import { show } from '../options/show';
import { isValueHidden } from './hide-values';
import type { DuplicateKey } from './parse-duplicate-key';

export function explainIndexBuild(model: AnyModel, key: DuplicateKey): string {
  const name = key.indexName === undefined ? 'A unique index' : `The unique index ${key.indexName}`;
  return (
    `${name} of ${model.modelName} could not be built: the collection ${model.collection.name} already ` +
    `holds documents with the same key${describeKey(key, model)}. ` +
    `await ${model.modelName}.auditUniqueIndexes() lists them; fix them, then build the index again, ` +
    'because nothing prevents duplicates until then.'
  );
}

/** The first duplicate key that the server found, without hidden and unknown values. */
function describeKey({ keyPattern, keyValue }: DuplicateKey, model: AnyModel): string {
  const options = findOptions(model.schema);
  const parts = Object.keys(keyPattern ?? {}).flatMap((path) => {
    if (isValueHidden(model, options, path)) return `${path} (hidden)`;
    return keyValue.has(path) ? `${path}: ${show(keyValue.get(path))}` : path;
  });
  return parts.length === 0 ? '' : `, first ${parts.join(', ')}`;
}
