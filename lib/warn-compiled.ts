/** A plugin that is applied too late does nothing: this warning reports it. */
import { listCompiledModels, type AnySchema } from './mongoose-internals';

const warned = new WeakSet<AnySchema>();

/**
 * Emits a process warning, once for each schema, where a model was compiled from it before and has not
 * got the plugin. A second connection, a global plugin and a second application are no mistakes: their
 * models have it.
 */
export function warnIfCompiled(schema: AnySchema): void {
  const model = listCompiledModels(schema).find(
    (one) => (one as unknown as { saveOrUpsert?: unknown }).saveOrUpsert === undefined,
  );
  if (model === undefined || warned.has(schema)) return;
  warned.add(schema);
  process.emitWarning(
    `uniqueGuard: the model ${model.modelName} was compiled before the plugin was applied to its schema, so ` +
      'the plugin does nothing for it. Call schema.plugin(uniqueGuard) before you call model().',
    { code: 'UNIQUE_GUARD_COMPILED' },
  );
}
