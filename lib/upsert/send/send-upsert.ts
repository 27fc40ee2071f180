/** Sends one prepared upsert as a Mongoose query, for its middleware, session, lean and hydration. */
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
import { isSmall, buildUpdate, type SentUpdate } from './build-update';
import { removeCopiedFilter } from './remove-copied-filter';

/** The hint of the placeholder. No index has this name, so the server refuses a placeholder that is sent. */
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
 * The query's middleware sees the filter and may add to it and to the update. The prepared update
 * replaces the query's when it is sent: to cast it a second time would run setters twice. The caller's
 * own update with operators is cast and validated by the query.
 */
export async function sendUpsert(
  prepared: PreparedUpsert,
  rule: ConflictRule,
  options: SaveOrUpsertOptions,
): Promise<SentUpsert> {
  const { model, key, target } = prepared;
  const { session, lean } = options;
  // An app may have set `sanitizeFilter`, which distrusts operators in filters.
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
    const update = buildUpdate(write, own, () => isSmall(model, write));
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
    // Where post middleware is skipped, no hook removes Mongoose's wrapper.
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
 * Did the update change the document that existed? Undefined where the update did not compare. One that
 * compares sets `updatedAt` if it changes anything.
 */
function isChanged(write: UpsertWrite, update: SentUpdate, stored: unknown): boolean | undefined {
  if (write.kind === 'skip') return false;
  const [time] = Object.entries(write.touched.times);
  if (write.kind === 'update') {
    if (write.isByOperators) return true;
    if (!Array.isArray(update)) return time === undefined ? undefined : true;
  }
  if (time === undefined) return undefined;
  const [path, sent] = time;
  const found = valueAt(stored, path);
  // A query's middleware may have left it out of the answer.
  return found === undefined ? undefined : Number(found) === Number(sent);
}
