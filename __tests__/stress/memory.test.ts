/** An import of any length runs in constant memory. STRESS_ROWS=1000000 is the full size. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Schema } from 'mongoose';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';

const ROWS = Number(process.env['STRESS_ROWS'] ?? 50_000);
const SAMPLES = 20;
/** One row in this many is refused or invalid. */
const FAILS_EVERY = 10_000;

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

/** After a garbage collection, in bytes. */
function takeHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

async function* rows() {
  for (let n = 0; n < ROWS; n += 1) {
    // A row in two is of a document that exists by then.
    const sku = `sku ${String(n - (n % 2))}`;
    yield await Promise.resolve(
      n % FAILS_EVERY === FAILS_EVERY - 1
        ? { sku, price: 'none' as never }
        : { sku, price: n, name: 'Product' },
    );
  }
}

it(
  `saveOrUpsertMany writes ${String(ROWS)} rows of an async generator, and the heap stays flat`,
  async () => {
    const Product = await compile(
      new Schema(
        { sku: { type: String, unique: true }, price: Number, name: String },
        { timestamps: true },
      ),
    );
    const heap: number[] = [];
    const outcome = await Product.saveOrUpsertMany(rows(), {
      results: 'failed',
      onProgress: ({ done }) => {
        if (done % (ROWS / SAMPLES) === 0) heap.push(takeHeap());
      },
    });
    const failed = Math.floor(ROWS / FAILS_EVERY);
    expect(outcome).toMatchObject({ created: ROWS / 2, updated: ROWS / 2 - failed, failed });
    expect(outcome.results).toHaveLength(failed);
    expect(await Product.countDocuments()).toBe(ROWS / 2);
    // The first batches compile what runs hot and open the connections.
    const settled = heap.slice(4);
    const grown = Math.min(...settled.slice(-4)) - Math.min(...settled.slice(0, 4));
    const samples = heap.map((bytes) => `${String(Math.round(bytes / 1e6))} MB`);
    expect({ samples, isFlat: grown < 4e6 }).toEqual({ samples, isFlat: true });
  },
  ROWS * 5,
);
