/** Runs validation and a schema's own pre('save') middleware on a document that `save()` does not save. */
import {
  findEmbeddedSchemas,
  findMiddleware,
  hasOwnValidators,
  isBuiltIn,
  isSkippedByMiddleware,
  listSubdocuments,
  runPreSave,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../../mongoose-internals';
import { schemasOf } from '../../schema/unique-index';

/** Mongoose's own that runs the middleware of subdocuments; what else is built in is done elsewhere. */
const FOR_SUBDOCUMENTS = new Set([
  'saveSubdocsPreSave',
  'saveSubdocsPreDeleteOne',
  'shardingPluginPreSave',
]);

/**
 * Can validation or `pre('save')` change a document of this model? Then it must be compared with what it
 * was before, which takes longer than everything else.
 */
export function hasMiddleware(model: AnyModel): boolean {
  const schema = model.schema as AnySchema;
  const embedded = findEmbeddedSchemas(schema);
  // Where Mongoose does not say, there may be some.
  return embedded === undefined || [schema, ...embedded].some((one) => hasOwn(model, one));
}

/**
 * Does nothing of the user's run between the setters and the write, for a document of this model or of a
 * discriminator of it? Then validation need not be waited for, and nobody asks whether the document is new.
 */
export function isPlainModel(model: AnyModel): boolean {
  return schemasOf(model).every((schema) => {
    const embedded = findEmbeddedSchemas(schema);
    if (embedded === undefined) return false;
    return [schema, ...embedded].every((one) => !hasOwn(model, one) && !hasOwnValidators(one));
  });
}

function hasOwn(model: AnyModel, schema: AnySchema): boolean {
  const lists = [
    findMiddleware(schema, 'pre', 'validate'),
    findMiddleware(schema, 'post', 'validate'),
    findMiddleware(schema, 'pre', 'save'),
  ];
  return lists.some((list) => list?.some((hook) => !isBuiltIn(model, hook)) ?? true);
}

/**
 * Runs the middleware of the document's own schema, which a discriminator's is not its model's.
 *
 * @throws what the middleware throws, or an Error where this Mongoose does not let it be run
 */
export async function runSaveMiddleware(document: AnyDocument, saveOptions: object): Promise<void> {
  const model = document.constructor;
  const failed = await runPreSave(
    document,
    saveOptions,
    (hook) => !isBuiltIn(model, hook) || FOR_SUBDOCUMENTS.has(hook.fn.name),
  );
  if (failed === undefined) return;
  // Whatever middleware threw is the caller's, an Error or not.
  throw isSkippedByMiddleware(failed.error) ? new Error(SKIPPED) : failed.error;
}

const SKIPPED = "saveOrUpsert: pre('save') middleware asked for no write, so nothing was written.";

/**
 * Does middleware or a validator ask whether the document is new, or a subdocument? Mongoose itself asks
 * `$isNew`, but for its timestamps, which are set elsewhere.
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
