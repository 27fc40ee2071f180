import { inspect } from 'node:util';
import { toProblemDetails } from 'mongoose-unique-guard';
import type { TourModels } from './models';

export interface FirstDuplicate {
  /** What the driver rejects with. */
  raw: string;
  /** What the same write rejects with through Mongoose and the plugin. */
  converted: string;
  /** What an API answers. */
  problem: string;
}

/** Two real writes of one key: past the plugin, and through it. */
export async function causeDuplicate({ Counter }: TourModels): Promise<FirstDuplicate> {
  const key = 'alice@example.org';
  await Counter.saveOrUpsert({ key });
  const raw = await Counter.collection.insertOne({ key }).catch((error: unknown) => error);
  const converted = await Counter.create({ key }).catch((error: unknown) => error);
  return {
    raw: String(raw),
    converted: toLines(converted),
    problem: inspect(toProblemDetails(converted), { depth: 5 }),
  };
}

function toLines(error: unknown): string {
  const { key } = (
    error as { errors: Record<string, Record<'message' | 'kind' | 'value', unknown>> }
  ).errors;
  const fields = ['message', 'kind', 'value'] as const;
  return [
    String(error),
    ...fields.map((name) => `errors.key.${name}: ${inspect(key?.[name])}`),
  ].join('\n');
}
