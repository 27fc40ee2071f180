/** What a replacement leaves of a stored document, as the pipeline of send/build-update.ts has it. Pure. */
import { prefixesOf } from '../../schema/path';
import { isPlainObject, valueAt, withValueAt, type Fields } from '../prepare/paths-and-values';
import type { UpsertWrite } from '../prepare/plan-write';

/** The replacement with the stored values of the kept paths, and with the stored times. */
export function toReplaced(
  { existing, kept, isNested, onChange }: UpsertWrite & { kind: 'replace' },
  stored: Fields,
): Fields {
  const hasPlace = (document: Fields, path: string) =>
    prefixesOf(path)
      .slice(0, -1)
      .every((above) => {
        const object = valueAt(document, above);
        return isPlainObject(object) || (object === undefined && isNested(above));
      });
  return [...kept, ...Object.keys(onChange.times)].reduce((document, path) => {
    const value = valueAt(stored, path);
    if (value === undefined || !hasPlace(document, path)) return document;
    return withValueAt(document, path, value);
  }, existing);
}
