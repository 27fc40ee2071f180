/** Splits a document into what an upsert writes always and what it writes only on insert. Pure. */

/** The update of one findOneAndUpdate; operators that would be empty are left out. */
export interface UpsertUpdate {
  $set?: Record<string, unknown>;
  $unset?: Record<string, unknown>;
  $setOnInsert?: Record<string, unknown>;
}

export interface UpsertSource {
  /** The whole document, as an insert writes it. */
  inserted: Record<string, unknown>;
  /** The document that holds the values of `modifiedPaths`; often the same. */
  updated: Record<string, unknown>;
  /** The paths that the caller or middleware set; each goes with all below it. */
  modifiedPaths: string[];
  /** Paths that never change once they are written: `_id`, `createdAt`, immutable ones. */
  isInsertOnly: (path: string) => boolean;
}

/** A modified path that the document does not hold is unset, as `save()` would. */
export function splitUpdate(source: UpsertSource): UpsertUpdate {
  const { inserted, updated, modifiedPaths, isInsertOnly } = source;
  const always = outermost(modifiedPaths.map((path) => toWritablePath(updated, path))).flatMap(
    (path) => expand(updated, path, isInsertOnly),
  );
  const $set: Record<string, unknown> = {};
  const $unset: Record<string, unknown> = {};
  for (const path of always) {
    if (isInsertOnly(path)) continue;
    const value = valueAt(updated, path.split('.'));
    if (value === undefined) $unset[path] = 1;
    else $set[path] = value;
  }
  const $setOnInsert: Record<string, unknown> = {};
  addRest(inserted, '', new Set([...Object.keys($set), ...Object.keys($unset)]), $setOnInsert);
  return dropEmpty({ $set, $unset, $setOnInsert });
}

/** Everything of `value` that lies on no path of `taken` and above none. */
function addRest(
  value: Record<string, unknown>,
  prefix: string,
  taken: Set<string>,
  rest: Record<string, unknown>,
): void {
  for (const [key, child] of Object.entries(value)) {
    const path = prefix + key;
    if (taken.has(path) || child === undefined) continue;
    const isAbove = [...taken].some((other) => other.startsWith(`${path}.`));
    if (!isAbove) rest[path] = child;
    else if (isPlainObject(child)) addRest(child, `${path}.`, taken, rest);
  }
}

/** An array or a Map is written whole: a path inside would depend on what the server holds. */
function toWritablePath(document: Record<string, unknown>, path: string): string {
  const segments = path.split('.');
  let value: unknown = document;
  for (const [depth, segment] of segments.entries()) {
    if (value === undefined) return path;
    if (!isPlainObject(value)) return segments.slice(0, depth).join('.');
    value = value[segment];
  }
  return path;
}

/** `nested` without `nested.a` where `nested` is there too. */
function outermost(paths: string[]): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => {
    const segments = path.split('.');
    return !segments.some((_, end) => end > 0 && all.has(segments.slice(0, end).join('.')));
  });
}

/** A nested object with an insert-only path inside is written path by path. */
function expand(
  document: Record<string, unknown>,
  path: string,
  isInsertOnly: (path: string) => boolean,
): string[] {
  const value = valueAt(document, path.split('.'));
  if (isInsertOnly(path) || !isPlainObject(value)) return [path];
  const below = Object.keys(value).flatMap((key) =>
    expand(document, `${path}.${key}`, isInsertOnly),
  );
  return below.some(isInsertOnly) ? below : [path];
}

function valueAt(document: Record<string, unknown>, segments: string[]): unknown {
  return segments.reduce<unknown>(
    (value, segment) => (isPlainObject(value) ? value[segment] : undefined),
    document,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function dropEmpty(update: Required<UpsertUpdate>): UpsertUpdate {
  return Object.fromEntries(
    Object.entries(update).filter(([, fields]) => Object.keys(fields as object).length > 0),
  );
}
