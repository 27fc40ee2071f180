/** Sends one prepared upsert by a Mongoose query, which adds middleware, session, lean and hydration. */
import { findConverted } from '../../convert/convert-error';
import type { Query } from 'mongoose';
import { replaceFindOneAndUpdate, skipQueryMiddleware } from '../../mongoose-internals';
import type { ConflictRule } from '../on-conflict';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import { valueAt } from '../prepare/paths-and-values';
import type { UpsertWrite } from '../prepare/plan-write';
import { checkQueryKeepsShardKey } from '../prepare/check-shard-key';
import { skipsMiddleware, type SaveOrUpsertOptions } from '../upsert-options';
import { sendFindAndModify } from './find-and-modify';
import { buildUpdate, type SentUpdate } from './build-update';
import { removeCopiedFilter } from './remove-copied-filter';

/** The hint of the placeholder update. No index has this name, so the server would refuse the update. */
const NEVER_SENT = 'the placeholder of saveOrUpsert, which is never sent';

export interface SentUpsert {
  /** What the query resolves to. */
  doc: unknown;
  /** The document in the server's answer. */
  stored: unknown;
  created: boolean;
  changed: boolean | undefined;
}

/**
 * One round trip. Rejects with the ValidationError of the index that refused the write.
 *
 * The query's middleware sees the filter and may add to it and to the update. The prepared update replaces
 * the query's update when it is sent, because casting it again would run setters twice. The query casts
 * and validates the caller's own update with operators.
 */
export async function sendUpsert(
  prepared: PreparedUpsert,
  rule: ConflictRule,
  options: SaveOrUpsertOptions,
): Promise<SentUpsert> {
  const { model, key, target } = prepared;
  const { session, lean } = options;
  // With Mongoose's option `sanitizeFilter`, operators in a filter must be marked as trusted.
  const trusted: Record<string, unknown> = {};
  for (const [path, equality] of Object.entries(key)) {
    trusted[path] = model.base.trusted({ ...(equality as object) });
  }
  const operators = rule.kind === 'operators' ? rule.operators : undefined;
  const query = model.findOneAndUpdate(trusted, operators ?? { $set: {} }, {
    upsert: true,
    returnDocument: 'after',
    setDefaultsOnInsert: false,
    timestamps: false,
    runValidators: operators !== undefined,
    hint: NEVER_SENT,
    ...(target.collation && { collation: target.collation }),
    ...(session !== undefined && { session }),
  } as object) as Query<unknown, unknown>;
  if (lean) query.lean(lean);
  skipQueryMiddleware(query, (phase) => skipsMiddleware(options, phase));

  let answer: Omit<SentUpsert, 'doc'> | undefined;
  replaceFindOneAndUpdate(query, (collection) => async (conditions, byQuery, byMongoose) => {
    const { hint, ...others } = byMongoose as { hint?: unknown };
    const { model, write } = prepared;
    const own = removeCopiedFilter(byQuery, conditions);
    const update = buildUpdate(write, own, true);
    checkQueryKeepsShardKey(model, prepared.key, own);
    const { created, value: stored } = await sendFindAndModify(
      collection,
      prepared,
      mergeFilters(conditions, prepared.filter),
      update,
      { ...others, ...(hint !== NEVER_SENT && { hint }) },
    );
    const changed = created || isChanged(write, update, stored);
    answer = { created, stored, changed };
    return stored;
  });

  let doc: unknown;
  try {
    doc = await query.exec();
  } catch (error) {
    // If post middleware is skipped, the plugin's hook does not remove Mongoose's wrapper.
    throw findConverted(error) ?? error;
  }
  if (answer === undefined) {
    throw new Error(
      "saveOrUpsert: pre('findOneAndUpdate') middleware prevented the write; it must not call mongoose.skipMiddlewareFunction().",
    );
  }
  return { doc, ...answer };
}

/** Middleware may add to the filter; the conditions that identify the document stay. */
function mergeFilters(byMiddleware: { $and?: object[] }, ours: { $and?: object[] }): object {
  const and = [...(byMiddleware.$and ?? []), ...(ours.$and ?? [])];
  return { ...byMiddleware, ...ours, ...(and.length > 0 && { $and: and }) };
}

/**
 * True if the update changed a document that existed. Undefined if the update did not compare values. An
 * update that compares them sets `updatedAt` only if a value changes.
 */
function isChanged(write: UpsertWrite, update: SentUpdate, stored: unknown): boolean | undefined {
  if (write.kind === 'skip') return false;
  const [time] = Object.entries(write.onChange.times);
  if (write.kind === 'update') {
    if (write.usesOperators) return true;
    if (!Array.isArray(update)) return time === undefined ? undefined : true;
  }
  if (time === undefined) return undefined;
  const [path, sent] = time;
  const found = valueAt(stored, path);
  // Query middleware may have excluded the path from the result.
  return found === undefined ? undefined : Number(found) === Number(sent);
}
