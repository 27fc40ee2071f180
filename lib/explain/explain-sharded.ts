/** Why a sharded collection cannot have a unique index: it does not begin with the shard key. Pure. */
import type { AnyModel } from '../mongoose-internals';
import { showPattern, type ShardKey } from '../schema/shard-key';

export function explainSharded(
  name: string | undefined,
  model: AnyModel | undefined,
  paths: string[],
  shardKey: ShardKey,
): string {
  const subject = name === undefined ? 'An index' : `The index ${name}`;
  const of = model === undefined ? '' : ` of ${model.modelName}`;
  const first = Object.keys(shardKey);
  const instead = [...new Set([...first, ...paths])].map((path) => `${path}: 1`).join(', ');
  return (
    `${subject}${of} cannot be built: the collection is sharded by ${showPattern(shardKey)}, and a unique ` +
    `index of a sharded collection must begin with the shard key. Declare { ${instead} } if the values need ` +
    `to be unique for each ${first.join(' and ')} only; otherwise keep them in a collection of their own ` +
    'that is sharded by them.'
  );
}
