/** Finds out whether middleware reads `isNew`. Then it runs twice: for a new document and for one that exists. */
import { listSubdocuments, type AnyDocument } from '../../mongoose-internals';

/**
 * Detects whether middleware or a validator reads `isNew` of the document or of a subdocument. Mongoose
 * itself reads `$isNew`, except for its timestamps, which are set elsewhere.
 */
export function watchIsNew(document: AnyDocument): { stop: () => boolean } {
  let wasRead = false;
  const watched = [document, ...listSubdocuments(document).values()];
  for (const one of watched) {
    Object.defineProperty(one, 'isNew', {
      configurable: true,
      get(this: AnyDocument) {
        wasRead = true;
        return this.$isNew;
      },
      set(this: AnyDocument, value: boolean) {
        this.$isNew = value;
      },
    });
  }
  return {
    stop: () => {
      for (const one of watched) Reflect.deleteProperty(one, 'isNew');
      return wasRead;
    },
  };
}
