/** Sends one upsert as one findAndModify command, and reads whether it inserted. */
import type { Collection } from 'mongoose';
import { convertError } from '../../convert/convert-error';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import type { SentUpdate } from './build-update';

interface FindAndModifyResult {
  value: unknown;
  lastErrorObject?: { updatedExisting?: boolean };
}

/** A duplicate is converted here, where it is known what was written. */
export async function sendFindAndModify(
  collection: Collection,
  { model, write, lack }: Pick<PreparedUpsert, 'model' | 'write' | 'lack'>,
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

/** The query's hook leaves the converted error as it is. */
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
  const shape = {
    kind: 'single',
    write: () => ({ ...written, filter, mayInsert: true, operation: 'saveOrUpsert' }),
  } as const;
  return convertError(error, model, shape) as Error;
}
