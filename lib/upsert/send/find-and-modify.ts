/** Sends one upsert as one findAndModify command, and reads whether it inserted. */
import type { Collection } from 'mongoose';
import { convertError } from '../../convert/convert-error';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import type { SentUpdate } from './build-update';

interface FindAndModifyResult {
  value: unknown;
  lastErrorObject?: { updatedExisting?: boolean };
}

/** Converts a duplicate-key error here, because the written values are known here. */
export async function sendFindAndModify(
  collection: Collection,
  { model, write, updateOnlyError }: Pick<PreparedUpsert, 'model' | 'write' | 'updateOnlyError'>,
  filter: object,
  update: SentUpdate,
  options: object,
): Promise<{ value: unknown; created: boolean }> {
  let result: FindAndModifyResult;
  try {
    result = (await collection.findOneAndUpdate(filter, update, {
      ...options,
      // These override options that middleware may have set.
      upsert: updateOnlyError === undefined,
      returnDocument: 'after',
      returnOriginal: false,
      includeResultMetadata: true,
    } as object)) as unknown as FindAndModifyResult;
  } catch (error) {
    throw convertUpsertError(error, { model, write, filter, update });
  }
  const isThere = result.lastErrorObject?.updatedExisting === true;
  if (!isThere && updateOnlyError !== undefined) throw updateOnlyError.error;
  return { value: result.value, created: !isThere };
}

/** Converts a duplicate-key error. The plugin's hook on the query does not convert it again. */
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
