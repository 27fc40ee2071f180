/** Runs validation and a schema's own pre('save') middleware on a document that `save()` does not save. */
import {
  findEmbeddedSchemas,
  findMiddleware,
  hasOwnValidators,
  isBuiltIn,
  isSkippedByMiddleware,
  runPreSave,
  type AnyDocument,
  type AnyModel,
  type AnySchema,
} from '../../mongoose-internals';
import { schemasOf } from '../../schema/unique-index';

/** The built-in middleware that runs: for subdocuments and sharding. The upsert replaces the rest. */
const BUILT_IN_TO_RUN = new Set([
  'saveSubdocsPreSave',
  'saveSubdocsPreDeleteOne',
  'shardingPluginPreSave',
]);

/**
 * True if validation or `pre('save')` can change a document of this model. Then the document is compared
 * with a snapshot, which takes longer than everything else.
 */
export function hasMiddleware(model: AnyModel): boolean {
  const schema = model.schema as AnySchema;
  const embedded = findEmbeddedSchemas(schema);
  // If the embedded schemas are not known, they may have middleware.
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
 * Runs the middleware of the document's own schema, which may be that of a discriminator.
 *
 * @throws what the middleware throws, or an Error if this version of Mongoose has no way to run it
 */
export async function runSaveMiddleware(document: AnyDocument, saveOptions: object): Promise<void> {
  const model = document.constructor;
  const failed = await runPreSave(
    document,
    saveOptions,
    (hook) => !isBuiltIn(model, hook) || BUILT_IN_TO_RUN.has(hook.fn.name),
  );
  if (failed === undefined) return;
  // Anything else that middleware throws reaches the caller unchanged, even if it is not an Error.
  throw isSkippedByMiddleware(failed.error) ? new Error(SKIPPED) : failed.error;
}

const SKIPPED =
  "saveOrUpsert: pre('save') middleware called mongoose.skipMiddlewareFunction(), so nothing was written.";
