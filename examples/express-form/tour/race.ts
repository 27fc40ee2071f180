import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { TourModels } from './models';

export const CALLERS = 50;

type Outcome = 'created' | 'updated' | 'failed';

export interface RaceResult extends Record<Outcome, number> {
  name: string;
  milliseconds: number;
}

type Write = (models: TourModels, key: string, caller: number) => Promise<Outcome>;

const WRITES: Record<string, Write> = {
  'findOne, then save': async ({ Counter }, key, caller) => {
    const found = await Counter.findOne({ key });
    await (found ?? new Counter({ key })).set({ caller }).save();
    return found ? 'updated' : 'created';
  },
  'plain insert': async ({ Counter }, key, caller) => {
    await Counter.create({ key, caller });
    return 'created';
  },
  saveOrUpsert: async ({ Counter }, key, caller) => {
    const { created } = await Counter.saveOrUpsert({ key, caller });
    return created ? 'created' : 'updated';
  },
};

/** All callers at once on one new key, by each way of writing, one way after the other. */
export async function runRace(models: TourModels): Promise<RaceResult[]> {
  const results: RaceResult[] = [];
  for (const [name, write] of Object.entries(WRITES)) {
    const key = randomUUID();
    const start = performance.now();
    const outcomes = await Promise.all(
      Array.from({ length: CALLERS }, (_, caller) =>
        write(models, key, caller).catch((): Outcome => 'failed'),
      ),
    );
    const milliseconds = Math.round(performance.now() - start);
    const count = (wanted: Outcome) => outcomes.filter((one) => one === wanted).length;
    const counts = {
      created: count('created'),
      updated: count('updated'),
      failed: count('failed'),
    };
    results.push({ name, milliseconds, ...counts });
    await models.Counter.deleteMany({ key });
  }
  return results;
}
