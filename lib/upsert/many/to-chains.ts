/** Groups the rows of a batch by key: rows with the same key are written in order. Pure. */
import { toComparable } from '../../bson/comparable';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import type { ReadyRow } from './send-rows';

/** The same string for equal keys. A collation may consider more keys equal. */
export function toKeyText({ target, key }: Pick<PreparedUpsert, 'target' | 'key'>): string {
  return toComparable([target.name, ...Object.values(key)]);
}

/** The rows of each key, in order, under a string for the key. */
export function toChains<R extends Pick<ReadyRow, 'prepared' | 'keyText'>>(
  rows: R[],
): Map<string, R[]> {
  const chains = new Map<string, R[]>();
  for (const row of rows) {
    const { prepared, keyText } = row;
    const group = prepared.target.collation === undefined ? keyText : fold(keyText);
    const chain = chains.get(group);
    if (chain) chain.push(row);
    else chains.set(group, [row]);
  }
  return chains;
}

/** Maps strings that a collation considers equal to one string. Others may share it: they only wait. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toUpperCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}
