/** Sends one prepared upsert as a Mongoose query: its middleware, session, lean and hydration hold. */
import type { Collection, Query } from 'mongoose';
import { convertError } from '../error/to-validation-error';
import type { AnyModel } from '../options';
import type { PreparedUpsert } from './prepare-upsert';
import type { SaveOrUpsertOptions, UpdateRule } from './upsert-options';
import { toSentUpdate, type SentUpdate } from './upsert-write';

/** What Mongoose's query needs of a collection here. */
interface QueryWithCollection {
  mongooseCollection?: Collection;
}

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
  const replaced = query as unknown as QueryWithCollection;
  const collection = replaced.mongooseCollection;
  if (collection === undefined || typeof collection.findOneAndUpdate !== 'function') {
    throw new Error(
      'saveOrUpsert: this Mongoose sends queries in another way; nothing was written.',
    );
  }
  replaced.mongooseCollection = Object.create(collection, {
    findOneAndUpdate: {
      value: async (conditions: object, byQuery: unknown, options: object) => {
        const outcome = await sendFindAndModify(
          collection,
          prepared,
          mergeFilters(conditions, prepared.filter),
          toSentUpdate(prepared.write, byQuery),
          options,
        );
        created = outcome.created;
        return outcome.value;
      },
    },
  }) as Collection;

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

/** What Mongoose's queries have besides their types: casting and update validators, as when they are sent. */
interface CastingQuery {
  getUpdate(): object | null;
  getOptions(): object;
  _castUpdate?(update: unknown): object;
  validate(update: object, options: object, isOverwriting: false): Promise<unknown>;
}

/** The caller's update of operators where no query sends it; none for other updates. */
export async function castOperators(model: AnyModel, update: UpdateRule): Promise<object> {
  if (update.kind !== 'operators') return {};
  const copy = Object.entries(update.operators).map(([name, fields]) => [name, { ...fields }]);
  const query = model.findOneAndUpdate({}, Object.fromEntries(copy) as object, {
    upsert: true,
    timestamps: false,
  }) as unknown as CastingQuery;
  if (typeof query._castUpdate !== 'function') {
    throw new Error(
      'saveOrUpsertMany: this Mongoose casts updates in another way; nothing was written.',
    );
  }
  const cast = query._castUpdate(query.getUpdate());
  await query.validate(cast, query.getOptions(), false);
  return cast;
}
