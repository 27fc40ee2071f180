/** The paths that an input set on a new document. */
import { listModifiedPaths, type AnyDocument } from '../mongoose-internals';
import { prefixesOf } from '../schema/path';

/** Without paths inside a default value, which Mongoose also marks as modified. */
export function listGivenPaths(document: AnyDocument): string[] {
  const { paths, isDefault } = listModifiedPaths(document);
  return paths.filter((path) => !prefixesOf(path).some(isDefault));
}
