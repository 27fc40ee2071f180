/** Which rows of a batch depend on each other: those with one key. Pure. */
import { toComparable } from '../../bson/comparable';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import type { ReadyRow } from './send-rows';

/** Equal strings for equal keys, collations aside. */
export function toKeyText({ target, key }: Pick<PreparedUpsert, 'target' | 'key'>): string {
  return toComparable([target.name, ...Object.values(key)]);
}

/** The rows of each key, in order. */
export function toChains<R extends Pick<ReadyRow, 'prepared' | 'keyText'>>(rows: R[]): R[][] {
  const chains = new Map<string, R[]>();
  for (const row of rows) {
    const { prepared, keyText } = row;
    const group = prepared.target.collation === undefined ? keyText : fold(keyText);
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
