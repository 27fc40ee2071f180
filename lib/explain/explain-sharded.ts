/** Explains that a unique index of a sharded collection must begin with the shard key. Pure. */
import type { AnyModel } from '../mongoose-internals';
import { showPattern, type ShardKey } from '../schema/shard-key';

export function explainSharded(
  name: string | undefined,
  model: AnyModel | undefined,
  paths: string[],
  shardKey: ShardKey,
): string {
  const first = Object.keys(shardKey);
  const instead = [...new Set([...first, ...paths])].map((path) => `${path}: 1`).join(', ');
  return (
    `${nameIndex(name, model)} cannot be built: the collection is sharded by ${showPattern(shardKey)}, and a unique ` +
    `index of a sharded collection must begin with the shard key. Declare { ${instead} } if the values need ` +
    `to be unique for each ${first.join(' and ')} only; otherwise keep them in a collection of their own ` +
    'that is sharded by them.'
  );
}

/** The subject of a sentence about an index that cannot be built: `The index email_1 of User`. */
export function nameIndex(name: string | undefined, model?: AnyModel): string {
  const of = model === undefined ? '' : ` of ${model.modelName}`;
  return (name === undefined ? 'An index' : `The index ${name}`) + of;
}
