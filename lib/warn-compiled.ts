/** Warns if the plugin is applied too late to have an effect. */
import { listCompiledModels, type AnySchema } from './mongoose-internals';

const warned = new WeakSet<AnySchema>();

/**
 * Emits a process warning, once for each schema, if a model was already compiled from the schema without the
 * plugin. A second connection, a global plugin, or a plugin that is applied twice causes no warning.
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
