/** The known part of a document after a write, and the paths that the write changed. */

export interface KnownDocument {
  /** The values as the server stores them, with BSON's number types. Incomplete for an update. */
  document: Record<string, unknown>;
  /** True if `document` has the stored value of the path, or the path is certainly missing. */
  isKnown: (path: string, collation?: object) => boolean;
  /** True if the write may have changed the path. Otherwise it cannot violate an index on it. */
  isChanged: (path: string) => boolean;
  /** The document that does not count as a duplicate: the written one, if it existed before. */
  excluded?: { _id: unknown } | { filter: object; collation: object | undefined };
}

/** Returns the value as the server would return it, with its exact types. */
export type Normalize = (value: object) => Record<string, unknown>;
