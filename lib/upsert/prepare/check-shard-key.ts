/** Checks that an upsert does not change a shard key, which would move the document to another shard. */
import { sameBytesFor } from '../../bson/same-value';
import type { AnyModel, AnySchema } from '../../mongoose-internals';
import { show } from '../../options/show';
import { isRelated } from '../../schema/path';
import { findShardKey, showPattern } from '../../schema/shard-key';
import { valueAt, type Fields, type Operators } from './paths-and-values';
import type { Key } from './to-filter';

/**
 * @param key equality on each path of the target, the shard key among them
 * @param document what middleware and setters made of the input, for a document that exists
 * @throws TypeError if the two have different shard keys
 */
export function checkShardKeyStays(model: AnyModel, key: Key, document: Fields): void {
  const shardKey = findShardKey(model.schema as AnySchema);
  if (shardKey === undefined) return;
  const isSame = sameBytesFor(model);
  const changed = Object.keys(shardKey).find(
    (path) => !isSame(key[path]?.$eq, valueAt(document, path)),
  );
  if (changed === undefined) return;
  throw new TypeError(
    `saveOrUpsert: pre('save') middleware changes \`${changed}\`, which is in the shard key ` +
      `${showPattern(shardKey)} of ${model.modelName}, from ${show(key[changed]?.$eq)} to ` +
      `${show(valueAt(document, changed))} where the document exists; give a path of the shard key the ` +
      'same value whether or not the document is new, for example in a setter.',
  );
}

/** @throws TypeError if query middleware writes a different value to the shard key */
export function checkQueryKeepsShardKey(model: AnyModel, key: Key, byQuery: unknown): void {
  const shardKey = findShardKey(model.schema as AnySchema);
  if (shardKey === undefined) return;
  const isSame = sameBytesFor(model);
  const isKept = (operator: string, path: string, value: unknown) =>
    (operator === '$set' || operator === '$setOnInsert') &&
    Object.hasOwn(key, path) &&
    isSame(key[path]?.$eq, value);
  for (const [operator, fields] of Object.entries(byQuery as Operators)) {
    for (const [path, value] of Object.entries({ ...fields })) {
      const written = operator === '$rename' ? [path, String(value)] : [path];
      const hit = Object.keys(shardKey).find((one) => written.some((at) => isRelated(at, one)));
      if (hit === undefined || isKept(operator, path, value)) continue;
      throw new TypeError(
        `saveOrUpsert: pre('findOneAndUpdate') middleware writes ${show(path)} by ${operator}, which is in the ` +
          `shard key ${showPattern(shardKey)} of ${model.modelName}; an upsert never changes the shard key, ` +
          'so give its value in the input.',
      );
    }
  }
}
