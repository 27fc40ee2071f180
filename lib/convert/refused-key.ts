/** Finds which paths of a refused key have no value. Pure. */
import { findKind, type AnyModel, type AnySchema } from '../mongoose-internals';
import { hasPath } from '../schema/find-path-types';
import { isPlainPath } from '../schema/plain-path';
import { findUniqueIndexes, isSamePattern, type UniqueIndex } from '../schema/unique-index';
import { isPathUpdated, type Write } from '../write/write';
import { findWrittenKeys } from '../write/written-keys';
import { findViolatedIndex } from './match-index';
import type { DuplicateKey } from './parse-duplicate-key';

export interface RefusedKey {
  indexName: string | undefined;
  /** Undefined if neither the server nor the schema reports it. Of a text index, only the schema does. */
  keyPattern: Record<string, unknown> | undefined;
  /** The paths of the key whose value is null or missing. */
  missing: string[];
  /** The missing paths that the schema of the written document does not have. */
  absent: string[];
}

export function toRefusedKey(model: AnyModel, key: DuplicateKey, write: Write): RefusedKey {
  const { indexName } = key;
  const nulls = findNullPaths(key.keyText);
  const keyPattern =
    findViolatedIndex(key, findUniqueIndexes(model))?.keyPattern ??
    (nulls && Object.fromEntries(nulls.map((path) => [path, 1])));
  const missing = Object.entries(keyPattern ?? {}).flatMap(([path, direction]) =>
    // A text index has a key for each word, and none for a missing value.
    direction !== 'text' && isMissing(path) ? [path] : [],
  );
  return { indexName, keyPattern, missing, absent: findAbsent(model, key, missing, write) };

  function isMissing(path: string): boolean {
    if (key.keyValue.has(path)) return key.keyValue.get(path) === null;
    if (nulls !== undefined) return nulls.includes(path);
    const written = findWrittenKeys(write, { [path]: 1 }, (one) => isPlainPath(model, one));
    return written.flat().every(({ value }) => value === null);
  }
}

/** The paths of a printed key such as `{ a: null, b: null }`. A stored string is printed in quotes. */
function findNullPaths(keyText = ''): string[] | undefined {
  const all = /^\{ ((?:[\w.$-]+: null(?:, )?)+) \}/.exec(keyText)?.[1];
  return all?.split(', ').map((part) => part.slice(0, -': null'.length));
}

/** The declared unique index of this name, or on the same keys. */
export function findDeclaredIndex(
  model: AnyModel,
  { indexName, keyPattern }: Pick<RefusedKey, 'indexName' | 'keyPattern'>,
): UniqueIndex | undefined {
  return findUniqueIndexes(model).find(
    (index) =>
      index.name === indexName || (keyPattern && isSamePattern(index.keyPattern, keyPattern)),
  );
}

/** A path that the write itself changes is not absent, even if the schema does not have it. */
function findAbsent(model: AnyModel, key: DuplicateKey, missing: string[], write: Write): string[] {
  if (missing.length === 0) return [];
  const schema = findWrittenSchema(model, write);
  // With `strict: false` the schema accepts every path, and the declared index uses this one.
  if (schema.options.strict === false && findDeclaredIndex(model, key)) return [];
  return missing.filter((path) => !hasPath(schema, path) && !isPathUpdated(write, path));
}

/** The schema of the discriminator, if a write on the base model names one. */
function findWrittenSchema(model: AnyModel, write: Write): AnySchema {
  const schema = model.schema as AnySchema;
  const kind = findKind(schema);
  if (kind === undefined) return schema;
  const parts = findWrittenKeys(write, { [kind.key]: 1 }).flat();
  const written = Object.values(model.discriminators ?? {}).find((one) =>
    parts.some(({ value }) => value === findKind(one.schema as AnySchema)?.value),
  );
  return (written?.schema as AnySchema | undefined) ?? schema;
}
