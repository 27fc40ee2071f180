/** Finds the word that a mistyped one stands for. Pure. */

const MAX_EDITS = 2;

/** The closest of `words`, at most two edits away; undefined if there is none. */
export function findNearest(typed: string, words: readonly string[]): string | undefined {
  const [nearest] = words
    .map((word) => ({ word, edits: countEdits(typed, word) }))
    .filter(({ word, edits }) => edits <= Math.min(MAX_EDITS, word.length - 1))
    .sort((a, b) => a.edits - b.edits);
  return nearest?.word;
}

/** The Levenshtein distance; a much longer string is not compared. */
function countEdits(typed: string, word: string): number {
  if (typed.length > word.length + MAX_EDITS) return Infinity;
  let row = Array.from({ length: word.length + 1 }, (_, at) => at);
  for (let index = 0; index < typed.length; index += 1) {
    const next = [index + 1];
    for (let at = 1; at <= word.length; at += 1) {
      const [left, above, diagonal] = [next[at - 1], row[at], row[at - 1]] as [
        number,
        number,
        number,
      ];
      next.push(Math.min(left + 1, above + 1, diagonal + Number(typed[index] !== word[at - 1])));
    }
    row = next;
  }
  return row[word.length] as number;
}
