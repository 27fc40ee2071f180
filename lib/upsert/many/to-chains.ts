/** Groups the rows of a batch by key: rows with the same key are written in order. Pure. */
import type { mongo } from 'mongoose';
import { toComparable } from '../../bson/comparable';
import type { UniqueIndex } from '../../schema/unique-index';
import type { PreparedUpsert } from '../prepare/prepare-upsert';
import type { ReadyRow } from './send-rows';

/** The same string for equal keys. A collation may consider more keys equal. */
export function toKeyText({ target, key }: Pick<PreparedUpsert, 'target' | 'key'>): string {
  return toComparable([target.name, ...Object.values(key)]);
}

type KeyedRow = Pick<ReadyRow, 'prepared' | 'keyText'>;

/**
 * The rows of each key, in order. Under a collation, keys that it considers equal are in one chain. Others may
 * share it: they only wait.
 */
export function toChains<R extends KeyedRow>(rows: R[]): R[][] {
  const groups = groupCollated(rows);
  const chains = new Map<string, R[]>();
  for (const row of rows) {
    const group = groups.get(row.keyText) ?? row.keyText;
    const chain = chains.get(group);
    if (chain) chain.push(row);
    else chains.set(group, [row]);
  }
  return [...chains.values()];
}

/** For the key of each row whose target has a collation, the first of the keys that are equal to it. */
function groupCollated(rows: KeyedRow[]): Map<string, string> {
  const groups = new Map<string, string>();
  const byTarget = new Map<CollatedTarget, KeyedRow[]>();
  for (const row of rows) {
    const { target } = row.prepared;
    if (!isCollated(target)) continue;
    const ofTarget = byTarget.get(target);
    if (ofTarget) ofTarget.push(row);
    else byTarget.set(target, [row]);
  }
  for (const [target, ofTarget] of byTarget) {
    const { compare } = toCollator(target.collation);
    const sorted = ofTarget
      .map((row) => ({ keyText: row.keyText, text: toText(row) }))
      .sort((a, b) => compare(a.text, b.text));
    let [first] = sorted;
    for (const one of sorted) {
      if (first === undefined || compare(first.text, one.text) !== 0) first = one;
      groups.set(one.keyText, first.keyText);
    }
  }
  return groups;
}

type CollatedTarget = UniqueIndex & Required<Pick<UniqueIndex, 'collation'>>;

function isCollated(target: UniqueIndex): target is CollatedTarget {
  return target.collation !== undefined;
}

/** Strings as they are: JSON would escape characters that a collation ignores. */
function toText({ prepared }: KeyedRow): string {
  return Object.values(prepared.key)
    .map(({ $eq: value }) => (typeof value === 'string' ? value : toComparable(value)))
    .join(' ');
}

/** Considers all strings equal that the server considers equal, because it ignores finer differences. */
function toCollator({ locale, numericOrdering = false }: mongo.CollationOptions): Intl.Collator {
  return new Intl.Collator(toLanguageTag(locale), {
    sensitivity: 'base',
    ignorePunctuation: true,
    numeric: numericOrdering,
  });
}

/** `de@collation=phonebook` is `de-u-co-phonebk`. The root's rules for what is no language, as `simple`. */
function toLanguageTag(locale: string): string {
  const [language, variant] = locale.replaceAll('_', '-').split('@collation=') as [string, string?];
  if (Intl.Collator.supportedLocalesOf(language).length === 0) return 'und';
  return variant === 'phonebook' ? `${language}-u-co-phonebk` : language;
}
