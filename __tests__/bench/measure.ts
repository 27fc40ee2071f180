/** Two ways of doing the same, timed side by side: rounds interleaved, medians and spread. */

/** One operation; the number is another one each time. */
export type Run = (n: number) => unknown;

export interface Comparison {
  /** The subject's time over the baseline's: the median of all rounds, and its quartiles. */
  ratio: number;
  low: number;
  high: number;
  /** The subject's time less the baseline's, for one operation, in microseconds. */
  difference: number;
}

interface Rounds {
  rounds: number;
  /** Operations in each round, for either side. */
  operations: number;
  /** Before each round, outside of what is timed. */
  prepare?: () => Promise<unknown>;
}

const WARM_UP = 3;
let counter = 0;

/** Which side goes first changes with each round, for what one leaves behind the other has to bear. */
export async function compare(
  subject: Run,
  baseline: Run,
  { rounds, operations, prepare }: Rounds,
): Promise<Comparison> {
  const times: { subject: number; baseline: number }[] = [];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    await prepare?.();
    const first = round % 2 === 0;
    const a = await time(first ? subject : baseline, operations);
    const b = await time(first ? baseline : subject, operations);
    if (round >= 0) times.push(first ? { subject: a, baseline: b } : { subject: b, baseline: a });
  }
  const ratios = times.map((one) => one.subject / one.baseline);
  return {
    ratio: quantile(ratios, 0.5),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    difference: quantile(
      times.map((one) => one.subject - one.baseline),
      0.5,
    ),
  };
}

/** Microseconds for one operation. */
export async function time(run: Run, operations: number): Promise<number> {
  const start = process.hrtime.bigint();
  for (let n = 0; n < operations; n += 1) {
    counter += 1;
    await run(counter);
  }
  return Number(process.hrtime.bigint() - start) / 1000 / operations;
}

export function quantile(values: number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * part)] ?? NaN;
}
