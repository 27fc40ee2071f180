import { auditUniqueIndexes } from './audit/audit-unique-indexes';
import { checkUnique, checkUniqueDocument } from './check/check-unique';
import { attachHooks } from './hooks';
import type { AnySchema } from './mongoose-internals';
import { checkOptions, PLUGIN, type UniqueGuardOptions } from './options/plugin-options';
import { show } from './options/show';
import { saveOrUpsertMany } from './upsert/many/save-or-upsert-many';
import { saveOrUpsert } from './upsert/save-or-upsert';

/**
 * The plugin: a write that violates a unique index rejects with Mongoose's own ValidationError,
 * with an error on each path of that index. A write that succeeds costs nothing more.
 *
 * @param schema the schema; also by `mongoose.plugin(uniqueGuard)` for all
 * @param options see {@link UniqueGuardOptions}
 * @throws TypeError at once where an option is wrong
 *
 * @example
 * const userSchema = new Schema({ email: { type: String, unique: true } });
 * userSchema.plugin(uniqueGuard);
 */
export function uniqueGuard(schema: AnySchema, options?: UniqueGuardOptions): void {
  checkSchema(schema);
  checkOptions(options);
  attachHooks(schema);
  attachStatics(schema);
  attachMethods(schema);
}

/** As in `schema.plugin(uniqueGuard())`, where there is no schema yet. */
function checkSchema(schema: unknown): void {
  if (typeof schema === 'object' && schema !== null && 'statics' in schema) return;
  throw new TypeError(
    `uniqueGuard: the schema is ${show(schema)}; pass the plugin itself: schema.plugin(uniqueGuard, options).`,
  );
}

/** A static that the schema has already stays: the user's own, or ours of an earlier application. */
function attachStatics(schema: AnySchema): void {
  const statics = schema.statics as Record<string, unknown>;
  statics['saveOrUpsert'] ??= saveOrUpsert;
  statics['saveOrUpsertMany'] ??= saveOrUpsertMany;
  statics['checkUnique'] ??= checkUnique;
  statics['auditUniqueIndexes'] ??= auditUniqueIndexes;
}

/** So does a method, and a path of that name, beside which Mongoose would take no method. */
function attachMethods(schema: AnySchema): void {
  const methods = schema.methods as Record<string, unknown>;
  if (schema.pathType('checkUnique') === 'adhocOrUndefined')
    methods['checkUnique'] ??= checkUniqueDocument;
}

Object.defineProperty(uniqueGuard, PLUGIN, { value: true });
