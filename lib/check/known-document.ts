/** What is known of a document as a write leaves it, and which of it the write has changed. */

export interface KnownDocument {
  /** As the server holds it, with BSON's own number types; a part of it where an update says no more. */
  document: Record<string, unknown>;
  /** Does `document` say what lies there? Of a filter that depends on its collation. */
  isKnown: (path: string, collation?: object) => boolean;
  /** Did the write set anything there? Only then can it have violated an index on it. */
  isChanged: (path: string) => boolean;
  /** The document that is written, which clashes with itself; undefined where none exists yet. */
  own?: { _id: unknown } | { filter: object; collation: object | undefined };
}

/** A value as the server would give it back, with its exact types. */
export type Normalise = (value: object) => Record<string, unknown>;
