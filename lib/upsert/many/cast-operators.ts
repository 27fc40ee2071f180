/** Casts an update with operators once for all rows of a model. */
import type { Query } from 'mongoose';
import { castUpdate, type AnyModel } from '../../mongoose-internals';
import type { ConflictRule } from '../on-conflict';

/** The caller's update with operators, cast; `{}` if `onConflict` is anything else. */
export async function castOperators(model: AnyModel, rule: ConflictRule): Promise<object> {
  if (rule.kind !== 'operators') return {};
  const copy = Object.entries(rule.operators).map(([name, fields]) => [name, { ...fields }]);
  const query = model.findOneAndUpdate({}, Object.fromEntries(copy) as object, {
    upsert: true,
    timestamps: false,
  }) as Query<unknown, unknown>;
  return castUpdate(query);
}
