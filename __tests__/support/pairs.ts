/** How many pairs there are to one that `npm test` runs. */
const SHARE = 5;

/**
 * Of a table of rows and columns, the pairs that run: one in five, so that each row and each column has its
 * part. For what does not depend on both of them. `ALL_CASES=1`, which the continuous integration sets,
 * runs every pair.
 */
export function isRunPair(row: number, column: number): boolean {
  return process.env['ALL_CASES'] === '1' || (row + column) % SHARE === 0;
}
