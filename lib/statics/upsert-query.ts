/** Sends one prepared upsert as a Mongoose query: its middleware, session, lean and hydration hold. */
import type { ClientSession, Collection, Query } from 'mongoose';
import { convertError } from '../error/to-validation-error';
import type { AnyModel } from '../options';
import { isAtOrBelow } from '../schema/path';
import type { UpsertUpdate } from './upsert-update';

export interface PreparedUpsert {
  /** Equality on the conflict target, cast. */
  filter: Record<string, { $eq: unknown }>;
  update: UpsertUpdate;
  collation?: Record<string, unknown>;
}

interface UpsertQueryOptions {
  session?: ClientSession | null | undefined;
  lean?: boolean | { virtuals?: boolean | string[] } | undefined;
}

type Operators = Record<string, Record<string, unknown>>;

/** What Mongoose's query needs of a collection here. */
interface QueryWithCollection {
  mongooseCollection?: Collection;
}

/**
 * One round trip. Rejects with the ValidationError of the index that refused the write.
 *
 * The query's middleware sees the filter and may add to it and to the update. The prepared update
 * itself is put in when the query is sent: to cast it a second time would run setters twice.
 */
export async function sendUpsert(
  model: AnyModel,
  { filter, update, collation }: PreparedUpsert,
  { session, lean }: UpsertQueryOptions,
): Promise<{ doc: unknown; created: boolean }> {
  // An app may have told Mongoose to distrust operators in filters (sanitizeFilter).
  const trusted: Record<string, unknown> = {};
  for (const [path, equality] of Object.entries(filter)) {
    trusted[path] = model.base.trusted({ ...equality });
  }
  const query = model.findOneAndUpdate(trusted, { $set: {} }, {
    upsert: true,
    returnDocument: 'after',
    setDefaultsOnInsert: false,
    timestamps: false,
    ...(collation && { collation }),
    ...(session !== undefined && { session }),
  } as object) as Query<unknown, unknown>;
  if (lean) query.lean(lean);

  let created: boolean | undefined;
  const target = query as unknown as QueryWithCollection;
  const collection = target.mongooseCollection;
  if (collection === undefined || typeof collection.findOneAndUpdate !== 'function') {
    throw new Error(
      'saveOrUpsert: this Mongoose sends queries in another way; nothing was written.',
    );
  }
  target.mongooseCollection = Object.create(collection, {
    findOneAndUpdate: {
      value: async (conditions: object, byMiddleware: Operators, options: object) => {
        const merged = mergeUpdates(byMiddleware, update);
        try {
          const result = (await collection.findOneAndUpdate({ ...conditions, ...filter }, merged, {
            ...options,
            // Middleware may have set these for its own purposes.
            upsert: true,
            returnDocument: 'after',
            returnOriginal: false,
            includeResultMetadata: true,
          } as object)) as unknown as {
            value: unknown;
            lastErrorObject?: { updatedExisting?: boolean };
          };
          created = result.lastErrorObject?.updatedExisting === false;
          return result.value;
        } catch (error) {
          // Here, where it is known what was written; the query's hook then finds it converted.
          const write = () => ({ update: merged, filter, mayInsert: true });
          throw convertError(error, model, { kind: 'single', write }) as Error;
        }
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

/** Ours wins: the server takes no two values for one path, nor for a path and one above it. */
function mergeUpdates(byMiddleware: Operators, ours: UpsertUpdate): Operators {
  if (Array.isArray(byMiddleware)) {
    throw new TypeError(
      "saveOrUpsert: pre('findOneAndUpdate') middleware made the update a pipeline; " +
        'it can be extended by operators only, such as this.set(path, value).',
    );
  }
  const merged: Operators = { ...(ours as Operators) };
  const paths = Object.values(merged).flatMap(Object.keys);
  for (const [operator, fields] of Object.entries(byMiddleware)) {
    const added = Object.entries(fields).filter(
      ([path]) => !paths.some((one) => isAtOrBelow(one, path) || isAtOrBelow(path, one)),
    );
    if (added.length > 0) merged[operator] = { ...Object.fromEntries(added), ...merged[operator] };
  }
  return merged;
}
