import type { SaveOrUpsertOptions } from 'mongoose-unique-guard';
import type { AnyModel, Doc } from './writes';

type Upsert = (
  model: AnyModel,
  input: Doc,
  options?: SaveOrUpsertOptions,
) => Promise<{ created: boolean; changed?: boolean }>;

/** Both statics with one input: the outcome, or the error. */
export const UPSERTS: [name: string, upsert: Upsert][] = [
  ['saveOrUpsert', (model, input, options) => model.saveOrUpsert(input, options) as never],
  [
    'saveOrUpsertMany',
    async (model, input, options) => {
      const { results } = await model.saveOrUpsertMany([input], options);
      if (results[0]?.error) throw results[0].error;
      return results[0] as never;
    },
  ],
];
