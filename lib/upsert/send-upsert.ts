/** Sends one prepared upsert as a Mongoose query: its middleware, session, lean and hydration hold. */
import type { Collection, Query } from 'mongoose';
import { convertError } from '../convert/convert-error';
import { castUpdate, replaceFindOneAndUpdate, type AnyModel } from '../mongoose-internals';
import type { PreparedUpsert } from './prepare-upsert';
import { toSentUpdate, type SentUpdate } from './to-sent-update';
import type { SaveOrUpsertOptions, UpdateRule } from './upsert-options';

/**
 * One round trip. Rejects with the ValidationError of the index that refused the write.
 *
 * The query's middleware sees the filter and may add to it and to the update. The prepared update
 * itself is put in when the query is sent: to cast it a second time would run setters twice. The
 * caller's own update of operators is cast and validated by the query.
 */
export async function sendUpsert(
  prepared: PreparedUpsert,
  update: UpdateRule,
  { session, lean }: SaveOrUpsertOptions,
): Promise<{ doc: unknown; created: boolean }> {
  const { model, key, target } = prepared;
  // An app may have told Mongoose to distrust operators in filters (sanitizeFilter).
  const trusted: Record<string, unknown> = {};
  for (const [path, equality] of Object.entries(key)) {
    trusted[path] = model.base.trusted({ ...(equality as object) });
  }
  const operators = update.kind === 'operators' ? update.operators : undefined;
  const query = model.findOneAndUpdate(trusted, operators ?? { $set: {} }, {
    upsert: true,
    returnDocument: 'after',
    setDefaultsOnInsert: false,
    timestamps: false,
    runValidators: operators !== undefined,
    ...(target.collation && { collation: target.collation }),
    ...(session !== undefined && { session }),
  } as object) as Query<unknown, unknown>;
  if (lean) query.lean(lean);

  let created: boolean | undefined;
  replaceFindOneAndUpdate(query, (collection) => async (conditions, byQuery, options) => {
    const outcome = await sendFindAndModify(
      collection,
      prepared,
      mergeFilters(conditions, prepared.filter),
      toSentUpdate(prepared.write, byQuery),
      options,
    );
    created = outcome.created;
    return outcome.value;
  });

  const doc = await query.exec();
  if (created === undefined) {
    throw new Error(
      "saveOrUpsert: pre('findOneAndUpdate') middleware kept the write from being sent.",
    );
  }
  return { doc, created };
}

/** Middleware may add to the filter; what tells the document stays. */
function mergeFilters(byMiddleware: { $and?: object[] }, ours: { $and?: object[] }): object {
  const and = [...(byMiddleware.$and ?? []), ...(ours.$and ?? [])];
  return { ...byMiddleware, ...ours, ...(and.length > 0 && { $and: and }) };
}

interface FindAndModifyResult {
  value: unknown;
  lastErrorObject?: { updatedExisting?: boolean };
}

/** One command; what the server tells of a duplicate is read here, where it is known what was written. */
export async function sendFindAndModify(
  collection: Collection,
  { model, write, lack }: PreparedUpsert,
  filter: object,
  update: SentUpdate,
  options: object,
): Promise<{ value: unknown; created: boolean }> {
  let result: FindAndModifyResult;
  try {
    result = (await collection.findOneAndUpdate(filter, update, {
      ...options,
      // Middleware may have set these for its own purposes.
      upsert: lack === undefined,
      returnDocument: 'after',
      returnOriginal: false,
      includeResultMetadata: true,
    } as object)) as unknown as FindAndModifyResult;
  } catch (error) {
    throw convertUpsertError(error, { model, write, filter, update });
  }
  const isThere = result.lastErrorObject?.updatedExisting === true;
  if (!isThere && lack !== undefined) throw lack.error;
  return { value: result.value, created: !isThere };
}

/** The query's hook then finds it converted. */
export function convertUpsertError(
  error: unknown,
  {
    model,
    write,
    filter,
    update,
  }: Pick<PreparedUpsert, 'model' | 'write'> & { filter: object; update: SentUpdate },
): Error {
  const written = Array.isArray(update)
    ? { document: write.inserted, isComplete: true }
    : { update };
  const shape = { kind: 'single', write: () => ({ ...written, filter, mayInsert: true }) } as const;
  return convertError(error, model, shape) as Error;
}

/** The caller's update of operators where no query sends it; none for other updates. */
export async function castOperators(model: AnyModel, update: UpdateRule): Promise<object> {
  if (update.kind !== 'operators') return {};
  const copy = Object.entries(update.operators).map(([name, fields]) => [name, { ...fields }]);
  const query = model.findOneAndUpdate({}, Object.fromEntries(copy) as object, {
    upsert: true,
    timestamps: false,
  }) as Query<unknown, unknown>;
  return castUpdate(query);
}
