import { auditUniqueIndexes } from './audit/audit-unique-indexes';
import { checkUnique, checkUniqueDocument } from './check/check-unique';
import { toTraced } from './diagnostics';
import { attachHooks } from './hooks';
import type { AnySchema } from './mongoose-internals';
import { isObject } from './options/is-object';
import { checkOptions, PLUGIN, type UniqueGuardOptions } from './options/plugin-options';
import { show } from './options/show';
import { saveOrUpsertMany } from './upsert/many/save-or-upsert-many';
import { saveOrUpsert } from './upsert/save-or-upsert';
import { warnIfCompiled } from './warn-compiled';

/**
 * The Mongoose plugin. A write that violates a unique index rejects with a Mongoose ValidationError, which has
 * one error for each path of that index. The plugin also adds the statics `saveOrUpsert`, `saveOrUpsertMany`,
 * `checkUnique` and `auditUniqueIndexes`, and the method `checkUnique`. It adds no cost to a successful write.
 *
 * @param schema the schema; `mongoose.plugin(uniqueGuard)` applies the plugin to all schemas
 * @param options see {@link UniqueGuardOptions}
 * @throws TypeError if an option is invalid
 *
 * @example
 * const userSchema = new Schema({ email: { type: String, unique: true } });
 * userSchema.plugin(uniqueGuard);
 */
export function uniqueGuard(schema: AnySchema, options?: UniqueGuardOptions): void {
  checkSchema(schema);
  checkOptions(options);
  warnIfCompiled(schema);
  attachHooks(schema);
  attachStatics(schema);
  attachMethods(schema);
}

/** Detects the mistake `schema.plugin(uniqueGuard())`, which calls the plugin without a schema. */
function checkSchema(schema: unknown): void {
  if (isObject(schema) && 'statics' in schema) return;
  throw new TypeError(
    `uniqueGuard: the schema is ${show(schema)}; pass the plugin itself: schema.plugin(uniqueGuard, options).`,
  );
}

const tracedSaveOrUpsert = toTraced('saveOrUpsert', saveOrUpsert);
const tracedSaveOrUpsertMany = toTraced('saveOrUpsertMany', saveOrUpsertMany);

/** Keeps an existing static: the user's own, or the plugin's if it was applied before. */
function attachStatics(schema: AnySchema): void {
  const statics = schema.statics as Record<string, unknown>;
  statics['saveOrUpsert'] ??= tracedSaveOrUpsert;
  statics['saveOrUpsertMany'] ??= tracedSaveOrUpsertMany;
  statics['checkUnique'] ??= checkUnique;
  statics['auditUniqueIndexes'] ??= auditUniqueIndexes;
}

/** Keeps an existing method. Mongoose does not allow a method with the name of a path. */
function attachMethods(schema: AnySchema): void {
  const methods = schema.methods as Record<string, unknown>;
  if (schema.pathType('checkUnique') === 'adhocOrUndefined')
    methods['checkUnique'] ??= checkUniqueDocument;
}

Object.defineProperty(uniqueGuard, PLUGIN, { value: true });
