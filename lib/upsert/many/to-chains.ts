/** Which rows of a batch depend on each other: those with one key. Pure. */
import { toComparable } from '../../bson/comparable';
import type { ReadyRow } from './send-rows';

/** The rows of each key, in order. */
export function toChains(rows: ReadyRow[]): ReadyRow[][] {
  const chains = new Map<string, ReadyRow[]>();
  for (const row of rows) {
    const { target, key } = row.prepared;
    const text = toComparable([target.name, ...Object.values(key)]);
    const group = target.collation === undefined ? text : fold(text);
    const chain = chains.get(group);
    if (chain) chain.push(row);
    else chains.set(group, [row]);
  }
  return [...chains.values()];
}

/** Strings that a collation considers equal become one; some others do too, which only makes them wait. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}
