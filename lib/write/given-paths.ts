/** The paths that an input set on a new document. */
import { listModifiedPaths, type AnyDocument } from '../mongoose-internals';
import { prefixesOf } from '../schema/path';

/** Without what lies inside a default, which Mongoose marks as modified, too. */
export function listGivenPaths(document: AnyDocument): string[] {
  const { paths, isDefault } = listModifiedPaths(document);
  return paths.filter((path) => !prefixesOf(path).some(isDefault));
}
