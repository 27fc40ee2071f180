/** Runs validation and a schema's own pre('save') middleware on a document that `save()` does not save. */
import {
  findChildSchemas,
  findMiddleware,
  isSkippedByMiddleware,
  runPreSave,
  type AnyDocument,
  type AnySchema,
  type Hook,
} from '../../mongoose-internals';

/** Mongoose's own, which the caller does in its own way; by name, as 8 does not mark all of them. */
const BUILT_IN = new Set(['validateBeforeSave', 'timestampsPreSave', 'trackTransactionPreSave']);

/** Mongoose's own as well; they do nothing to a document whose subdocuments have no middleware. */
const NEUTRAL = new Set(['saveSubdocsPreSave', 'saveSubdocsPreDeleteOne', 'shardingPluginPreSave']);

/**
 * May validation or `pre('save')` change a document of this schema? Then it has to be compared with what
 * it was before, which takes longer than all the rest.
 */
export function hasMiddleware(schema: AnySchema): boolean {
  const lists = [
    findMiddleware(schema, 'pre', 'validate'),
    findMiddleware(schema, 'post', 'validate'),
    findMiddleware(schema, 'pre', 'save')?.filter(isOwn),
  ];
  const children = findChildSchemas(schema);
  // Where Mongoose does not say, there may be some.
  return (
    lists.some((list) => list === undefined || list.length > 0) ||
    (children?.some(hasMiddleware) ?? true)
  );
}

function isOwn({ fn }: Hook): boolean {
  return !BUILT_IN.has(fn.name) && !NEUTRAL.has(fn.name);
}

/**
 * Runs the middleware of the document's own schema, which a discriminator's is not its model's.
 *
 * @throws what the middleware throws, or an Error where this Mongoose does not let it be run
 */
export async function runSaveMiddleware(document: AnyDocument, saveOptions: object): Promise<void> {
  const failed = await runPreSave(document, saveOptions, ({ fn }) => !BUILT_IN.has(fn.name));
  if (failed === undefined) return;
  // Whatever middleware threw is the caller's, an Error or not.
  throw isSkippedByMiddleware(failed.error) ? new Error(SKIPPED) : failed.error;
}

const SKIPPED = "saveOrUpsert: pre('save') middleware asked for no write, so nothing was written.";

/** Does middleware or a validator ask whether the document is new? Mongoose itself asks `$isNew`. */
export function watchIsNew(document: AnyDocument): { stop: () => boolean } {
  let wasRead = false;
  Object.defineProperty(document, 'isNew', {
    configurable: true,
    get(this: AnyDocument) {
      wasRead = true;
      return this.$isNew;
    },
    set(this: AnyDocument, value: boolean) {
      this.$isNew = value;
    },
  });
  return {
    stop: () => {
      Reflect.deleteProperty(document, 'isNew');
      return wasRead;
    },
  };
}
