import * as fc from 'fast-check';
import { compareWithSave, prepareComparison } from '../support/compare-with-save';
import { useDatabase } from '../support/database';
import { anyCase, INPUTS } from '../support/random-schema';

/** Nothing needs to survive a crash of the server, and waiting for its journal takes most of the time. */
const mongoose = useDatabase({ w: 1, journal: false });

/** The same schemas each time, unless another seed is given; it is printed with each failure. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** Random schemas; the continuous integration asks for more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
/** In milliseconds, for a slow machine: a case takes 30 to 80 where nothing else runs. To shrink one takes longer. */
const TIMEOUT = 600_000 + RUNS * 500;

beforeAll(() => prepareComparison(mongoose));

it(
  `stores what save() stores, for any schema, inputs and onConflict (seed ${String(SEED)})`,
  async () => {
    let compared = 0;
    const property = fc.asyncProperty(anyCase, async (one) => {
      compared += await compareWithSave(mongoose, one);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    expect(compared / (RUNS * INPUTS)).toBeGreaterThan(0.7);
  },
  TIMEOUT,
);
