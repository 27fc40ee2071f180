/**
 * Every undocumented member of Mongoose that this package uses, each behind one function. No other file
 * touches one; a lint rule forbids it. Each function says what it relies on and what it does when a
 * version of Mongoose does not have that member: it throws before anything is sent, or it takes the safe
 * path, which stores no wrong value and shows no hidden one.
 */
import type { ClientSession, Collection, Connection, Model, Mongoose, Schema } from 'mongoose';

// Mongoose's own types for "some model" and "some schema" need `any` in each parameter: the types
// of documents, methods and statics stand in places that are neither co- nor contravariant.
/* eslint-disable @typescript-eslint/no-explicit-any */
/** Any Mongoose model. */
export type AnyModel = Model<any, any, any, any, any>;
/** Any Mongoose schema. */
export type AnySchema = Schema<any, any, any, any, any, any>;
/* eslint-enable @typescript-eslint/no-explicit-any */

/** Any Mongoose document: the documented members used here, which Mongoose's own type has as `any`. */
export interface AnyDocument {
  constructor: AnyModel;
  _id: unknown;
  isNew: boolean;
  $isNew: boolean;
  $locals: Record<string, unknown>;
  /** The document as it is sent to the server: without getters, references instead of documents. */
  toBSON(): Record<string, unknown>;
  toObject(options: object): Record<string, unknown>;
  isModified(path: string): boolean;
  isSelected(path: string): boolean;
  markModified(path: string): void;
  set(path: string, value: unknown): unknown;
  set(values: object): unknown;
  set(path: string, value: unknown, type: undefined, options: object): unknown;
  get(path: string, type: null, options: { getters: false }): unknown;
  $session(session?: unknown): unknown;
  $validate(): Promise<void>;
}

/** The error of a call that cannot do its work on this version of Mongoose. */
function missing(member: string, consequence: string): Error {
  return new Error(
    `uniqueGuard: this version of Mongoose has no ${member}, so ${consequence}. Nothing was sent. ` +
      'Use a version that the peerDependencies of mongoose-unique-guard name.',
  );
}

type Members = Record<string, unknown>;

const membersOf = (value: object): Members => value as unknown as Members;

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}

/* Schemas and models */

/**
 * The options that a schema's plugin was applied with; undefined where it was not applied. The first
 * entry wins: a schema's own comes before a global one. Relies on `schema.plugins`, a list of
 * `{ fn, opts }` that clones and discriminators carry along (since Mongoose 4).
 *
 * @throws Error where the list has another form: options such as `hideValues` must not be lost silently
 */
export function resolvePluginOptions(
  schema: AnySchema,
  isPlugin: (fn: object) => boolean,
): unknown {
  const { plugins } = membersOf(schema);
  const isEntry = (entry: unknown): entry is { fn: object; opts?: unknown } =>
    isObject(entry) && typeof entry['fn'] === 'function' && 'opts' in entry;
  if (!Array.isArray(plugins) || !plugins.every(isEntry)) {
    throw missing('list of plugins with their options', 'the options of the plugin are not known');
  }
  const entry = plugins.find(({ fn }) => isPlugin(fn));
  return entry && (entry.opts ?? {});
}

/**
 * True for the options of a plugin that `mongoose.plugin()` applied to all schemas. Relies on `plugins` of
 * Mongoose, a list of `[fn, options]`; without it, returns false.
 */
export function isOfGlobalPlugin(model: AnyModel, options: object): boolean {
  const { plugins } = membersOf(model.base);
  return (
    Array.isArray(plugins) && plugins.some((entry) => Array.isArray(entry) && entry[1] === options)
  );
}

/**
 * The models that were compiled from this very schema, on any connection of its Mongoose. Relies on
 * `schema.base`; without it there are none.
 */
export function listCompiledModels(schema: AnySchema): AnyModel[] {
  const { base } = membersOf(schema);
  const { connections } = (isObject(base) ? base : {}) as Partial<Mongoose>;
  return (connections ?? [])
    .flatMap(({ models }) => Object.values(models) as unknown as AnyModel[])
    .filter((model) => (model.schema as unknown) === schema);
}

/** What Mongoose keeps on the schemas of discriminators. */
export interface Kind {
  /** The discriminator key, such as `__t`. */
  key: string;
  /** The value of the discriminator; undefined on the base's schema. */
  value: string | undefined;
}

/** Undefined if the schema has no discriminators and is not one. Relies on `discriminatorMapping`. */
export function findKind(schema: AnySchema): Kind | undefined {
  const { discriminatorMapping: mapping } = membersOf(schema);
  if (!isObject(mapping) || typeof mapping['key'] !== 'string') return undefined;
  return {
    key: mapping['key'],
    value: (mapping['value'] as string | null | undefined) ?? undefined,
  };
}

/**
 * The kind of a model.
 *
 * @throws Error if the model has discriminators or is one, and Mongoose does not report its kind:
 *   without the kind in its filter, a write could reach a document of another kind
 */
export function resolveKind(model: AnyModel): Kind | undefined {
  const kind = findKind(model.schema as AnySchema);
  const isDiscriminator = findBaseName(model) !== undefined;
  const isExpected = isDiscriminator || Object.keys(model.discriminators ?? {}).length > 0;
  if (isExpected && (kind === undefined || (isDiscriminator && kind.value === undefined))) {
    throw missing('discriminator mapping', `the kind of ${model.modelName} is not known`);
  }
  return kind;
}

/** Relies on `Model.baseModelName`; without it a discriminator counts as a model of its own. */
export function findBaseName(model: AnyModel): string | undefined {
  return model.baseModelName;
}

/** The members of Mongoose's schema types that are read here. */
export interface PathType {
  instance?: string;
  options?: { unique?: unknown; select?: unknown; immutable?: unknown; required?: unknown };
  /** Of a subdocument or an array of them. */
  schema?: AnySchema;
}

/**
 * The type of an array's elements or a Map's values; undefined for what is neither. Relies on
 * `embeddedSchemaType` (Mongoose 9) or `caster` (8), which in 8 is a constructor for subdocuments, and on
 * `$__schemaType` of Maps.
 */
export function findElementType(type: PathType): PathType | undefined {
  const { embeddedSchemaType, caster, $__schemaType } = membersOf(type);
  return (embeddedSchemaType ?? caster ?? $__schemaType) as PathType | undefined;
}

const BUILT_IN_VALIDATORS = new Set([
  ...['required', 'enum', 'min', 'max', 'minlength', 'maxlength', 'regexp'],
]);

/**
 * Does validation call a function of the user's, which may take its time or ask whether the document is
 * new? Of the schema's own paths, without those of embedded schemas. Relies on `validators` of paths, which
 * name their type, and on `originalRequiredValue`; where there is no such list it may.
 */
export function hasOwnValidators(schema: AnySchema): boolean {
  const { paths } = membersOf(schema);
  const isOwn = (type: PathType): boolean => {
    const { validators, originalRequiredValue } = membersOf(type);
    const { validate } = { ...type.options } as { validate?: unknown };
    const element = type.schema ? undefined : findElementType(type);
    return (
      validate !== undefined ||
      typeof originalRequiredValue === 'function' ||
      !Array.isArray(validators) ||
      validators.some((one) => !BUILT_IN_VALIDATORS.has((one as { type: string }).type)) ||
      (element !== undefined && isOwn(element))
    );
  };
  return !isObject(paths) || Object.values(paths).some((type) => isOwn(type as PathType));
}

/** A path whose value in a new document depends on nothing but the input. */
export interface IndependentPath {
  /** Runs the setters and casts; throws a CastError. Undefined if only a document casts its values. */
  cast: ((value: unknown) => unknown) | undefined;
  /** Undefined if every value is valid. */
  isInvalid: ((value: unknown) => boolean) | undefined;
  /** Undefined if the path has no default. */
  makeDefault: (() => unknown) | undefined;
}

const SCALARS = new Set(['String', 'Number', 'Boolean', 'Date', 'ObjectId']);

/**
 * Undefined if a setter, getter or default may read the document. Relies on `setters`, `getters`,
 * `validators`, `options`, `defaultValue`, `applySetters()` and `doValidateSync()` of paths, and on
 * `callQueue` of schemas; undefined if one is missing.
 */
export function findIndependentPath(
  { base, schema }: AnyModel,
  type: PathType,
): IndependentPath | undefined {
  const { setters, getters, validators, applySetters, doValidateSync } = membersOf(type);
  const { callQueue } = membersOf(schema);
  const isKnown =
    [setters, getters, validators, callQueue].every(Array.isArray) &&
    typeof applySetters === 'function' &&
    typeof doValidateSync === 'function' &&
    isObject(type.options);
  const isEmpty = (list: unknown) => (list as unknown[]).length === 0;
  if (!isKnown || !isEmpty(getters) || !isEmpty(callQueue)) return undefined;
  const hasValidators = !isEmpty(validators);
  if (!SCALARS.has(String(type.instance))) {
    const byDefault = hasValidators ? undefined : findDefault(type, undefined);
    return byDefault && { cast: undefined, isInvalid: undefined, ...byDefault };
  }
  if (!(setters as object[]).every((setter) => isOfMongoose(base, setter))) return undefined;
  const cast = (value: unknown): unknown => applySetters.call(type, value);
  const isInvalid = (value: unknown) => isObject(doValidateSync.call(type, value));
  const byDefault = findDefault(type, cast);
  return byDefault && { cast, isInvalid: hasValidators ? isInvalid : undefined, ...byDefault };
}

/** An arrow function without parameters, which cannot read the document. */
const WITHOUT_PARAMETERS = /^\(\s*\)\s*=>/;

function findDefault(
  type: PathType,
  cast: IndependentPath['cast'],
): Pick<IndependentPath, 'makeDefault'> | undefined {
  const { defaultValue } = membersOf(type);
  const { default: declared, auto } = type.options as { default?: unknown; auto?: boolean };
  if (defaultValue === undefined) {
    return declared === undefined && !auto ? { makeDefault: undefined } : undefined;
  }
  if (type.instance === 'Array' && declared === undefined) return { makeDefault: () => [] };
  if (cast === undefined) return undefined;
  const castDefault = (value: unknown) => (value === undefined ? undefined : cast(value));
  if (typeof defaultValue !== 'function') return { makeDefault: () => castDefault(defaultValue) };
  const isNewId = auto === true && defaultValue.name === 'defaultId';
  const isIndependent =
    isNewId || defaultValue === Date.now || WITHOUT_PARAMETERS.test(sourceOf(defaultValue));
  if (!isIndependent) return undefined;
  return { makeDefault: () => castDefault((defaultValue as () => unknown)()) };
}

/**
 * The schemas of embedded discriminators, which `childSchemas` leaves out. Relies on `discriminators` of
 * schemas; without it there are none.
 */
export function findDiscriminatorSchemas(schema: AnySchema): AnySchema[] {
  const { discriminators } = membersOf(schema);
  return isObject(discriminators) ? (Object.values(discriminators) as AnySchema[]) : [];
}

/**
 * The schemas of everything that a document of `schema` can contain: subdocuments, elements of arrays and
 * Maps at any depth, and the discriminators of each. Relies on `discriminators` of schemas and on the path
 * `map.$*` for the values of a Map; undefined where a schema has no list of paths: anything may exist.
 */
export function findEmbeddedSchemas(schema: AnySchema): Set<AnySchema> | undefined {
  const found = new Set<AnySchema>();
  const visit = (one: AnySchema): boolean => {
    const { paths } = membersOf(one);
    return isObject(paths) && Object.values(paths).every((type) => visitType(type as PathType));
  };
  const visitType = (type: PathType): boolean => {
    if (type.schema === undefined) {
      const element = findElementType(type);
      return element === undefined || visitType(element);
    }
    return [type.schema, ...findDiscriminatorSchemas(type.schema)].every((one) => {
      if (found.has(one)) return true;
      found.add(one);
      return visit(one);
    });
  };
  return visit(schema) ? found : undefined;
}

/* Documents */

/** By the state that every Mongoose document has, whichever copy of Mongoose made it. Relies on `$__`. */
export function isMongooseDocument(value: unknown): value is AnyDocument {
  return isObject(value) && '$__' in value;
}

/** Relies on `$isSubdocument`; without it every document counts as a document of its own. */
export function isSubdocument(document: object): boolean {
  return membersOf(document)['$isSubdocument'] === true;
}

/**
 * Every subdocument by its place, in nested objects, arrays and Maps at any depth; none where `_doc` is
 * missing. A place in an array is one of an array of that length.
 */
export function listSubdocuments(document: AnyDocument): Map<string, AnyDocument> {
  const found = new Map<string, AnyDocument>();
  const visit = (place: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isMongooseDocument(value)) {
      // A populated document is not a subdocument.
      if (!isSubdocument(value)) return;
      found.set(place, value);
      visitAll(place, Object.entries({ ...findStoredValues(value) }));
    } else if (Array.isArray(value))
      visitAll(`${place}/${String(value.length)}`, [...value.entries()]);
    else if (value instanceof Map) visitAll(place, [...value.entries()]);
    else if (Object.getPrototypeOf(value) === Object.prototype)
      visitAll(place, Object.entries(value));
  };
  const visitAll = (place: string, entries: [unknown, unknown][]): void => {
    for (const [name, value] of entries) visit(`${place}.${String(name)}`, value);
  };
  visitAll('', Object.entries({ ...findStoredValues(document) }));
  return found;
}

/** The outermost subdocuments in arrays and Maps, by their paths; none where `_doc` is missing. */
export function listElements(document: AnyDocument): Map<string, AnyDocument> {
  const found = new Map<string, AnyDocument>();
  const visit = (prefix: string, entries: Iterable<[unknown, unknown]>, isIn: boolean): void => {
    for (const [name, value] of entries) {
      const path = `${prefix}${String(name)}`;
      if (Array.isArray(value) || value instanceof Map) visit(`${path}.`, value.entries(), true);
      else if (isMongooseDocument(value) && isSubdocument(value)) {
        if (isIn) found.set(path, value);
        else visit(`${path}.`, Object.entries({ ...findStoredValues(value) }), false);
      } else if (isObject(value) && Object.getPrototypeOf(value) === Object.prototype)
        visit(`${path}.`, Object.entries(value), isIn);
    }
  };
  visit('', Object.entries({ ...findStoredValues(document) }), false);
  return found;
}

/** Relies on `_doc`, the values without getters. Undefined where it is missing: use `toBSON()`. */
export function findStoredValues(document: AnyDocument): Members | undefined {
  const { _doc } = membersOf(document);
  return isObject(_doc) ? _doc : undefined;
}

/**
 * The paths that were set, as `directModifiedPaths()` lists them. `isDefault` finds defaults: Mongoose
 * also marks paths inside the default of a Map or of an array of subdocuments as modified.
 *
 * @throws Error where Mongoose has no `directModifiedPaths()` or no `$isDefault()`
 */
export function listModifiedPaths(document: AnyDocument): {
  paths: string[];
  isDefault: (path: string) => boolean;
} {
  const { directModifiedPaths, $isDefault } = membersOf(document);
  if (typeof directModifiedPaths !== 'function' || typeof $isDefault !== 'function') {
    throw missing('directModifiedPaths() or $isDefault()', 'what was set is not known');
  }
  return {
    paths: directModifiedPaths.call(document) as string[],
    isDefault: (path) => $isDefault.call(document, path) as boolean,
  };
}

/** The options of a save. */
export interface SaveOptions {
  pathsToSave?: string[];
  uniqueGuard?: { collectAll?: boolean };
}

const stateOf = (document: AnyDocument): Members => {
  const { $__: state } = membersOf(document);
  return isObject(state) ? state : {};
};

/** Relies on `$__.saveOptions`; without it the save counts as one without options. */
export function findSaveOptions(document: AnyDocument): SaveOptions | undefined {
  const { saveOptions } = stateOf(document);
  return isObject(saveOptions) ? saveOptions : undefined;
}

/** The projection that the document was read with. Relies on `$__.selected`. */
export function findProjection(document: AnyDocument): Members | undefined {
  const { selected } = stateOf(document);
  return isObject(selected) ? selected : undefined;
}

/**
 * The ValidationError with the cast errors and the validators' errors so far. Relies on
 * `$__.validationError`.
 *
 * @throws Error where the document has no such state: a value that could not be cast would be lost
 */
export function findValidationError(
  document: AnyDocument,
): (Error & { errors: Record<string, { name: string }> }) | undefined {
  const { $__: state } = membersOf(document);
  if (!isObject(state))
    throw missing('$__ on documents', 'values that were not cast are not known');
  return (state['validationError'] ?? undefined) as ReturnType<typeof findValidationError>;
}

/**
 * Forgets what `hydrate()` and `set()` report: with `strict: 'throw'`, they take the default of an immutable
 * path, or the object around it, for a change of it. Relies on `$__.validationError`; without it the document
 * stays invalid.
 */
export function forgetErrors(document: AnyDocument): void {
  for (const one of [document, ...listSubdocuments(document).values()]) {
    stateOf(one)['validationError'] = undefined;
  }
}

/** The session of a document (documented). Undefined for anything else that a hook passes. */
export function findDocumentSession(document: AnyDocument): ClientSession | undefined {
  const { $session } = membersOf(document);
  const session: unknown = typeof $session === 'function' ? $session.call(document) : undefined;
  return (session ?? undefined) as ClientSession | undefined;
}

/**
 * The document, and the subdocuments that `save()` reaches. Relies on `$getAllSubdocs()`; without it on none.
 */
export function listReached(document: AnyDocument): AnyDocument[] {
  const { $getAllSubdocs } = membersOf(document);
  if (typeof $getAllSubdocs !== 'function') return [document];
  return [document, ...($getAllSubdocs.call(document) as AnyDocument[])];
}

/** Sets a path that may be immutable, also of a subdocument that is not new, such as one inside a default. */
export function setOnce(document: AnyDocument, path: string, value: unknown): void {
  document.set(path, value, undefined, { overwriteImmutable: true });
}

/**
 * Sets `createdAt` and `updatedAt` of these documents as `save()` does. Relies on `initializeTimestamps()`,
 * which Mongoose adds to documents with timestamps.
 *
 * @throws Error where the first has none: `updatedAt` of the stored document would be lost
 */
export function setTimestamps(reached: AnyDocument[], hasTimestamps: boolean): void {
  // The document's method does not reach a subdocument below one without timestamps.
  for (const [place, one] of reached.entries()) {
    const { initializeTimestamps: initialize } = membersOf(one);
    if (typeof initialize === 'function') initialize.call(one);
    else if (place === 0 && hasTimestamps) {
      throw missing('initializeTimestamps()', 'the timestamps cannot be set');
    }
  }
}

/**
 * The changes of an array since it was read, such as `[['$push', { $each }]]`. Relies on
 * `$__getAtomics()`.
 *
 * @throws Error where it is missing: elements that were added would overwrite the stored ones
 */
export function listAtomics(array: unknown[]): [operator: string, operand: unknown][] {
  const { $__getAtomics } = membersOf(array);
  if (typeof $__getAtomics !== 'function') {
    throw missing('$__getAtomics() on arrays', 'what was added to an array is not known');
  }
  return $__getAtomics.call(array) as [string, unknown][];
}

/* Middleware */

/** One middleware function in Mongoose's list. */
export interface Hook {
  fn: { name: string; length: number };
  /** Set by the option of that name. */
  errorHandler?: boolean;
}

const sourcesOfMongoose = new WeakMap<Mongoose, Set<string>>();
const ofMongoose = new WeakMap<object, boolean>();

/**
 * True for Mongoose's own middleware. Relies on a new `Mongoose` adding its own plugins when it compiles a
 * model.
 */
export function isBuiltIn({ base }: AnyModel, { fn }: Hook): boolean {
  return isOfMongoose(base, fn);
}

/**
 * True for a function that Mongoose itself adds to schemas: middleware, and the setters that it makes of
 * options. Names prove nothing, because users also name functions `validateBeforeSave`. So its source is
 * compared with the functions of a schema without any of a user. A function that is not recognized counts
 * as the user's.
 */
function isOfMongoose(base: Mongoose, fn: object): boolean {
  let isOwn = ofMongoose.get(fn);
  if (isOwn === undefined) {
    let sources = sourcesOfMongoose.get(base);
    if (sources === undefined) sourcesOfMongoose.set(base, (sources = readSourcesOfMongoose(base)));
    ofMongoose.set(fn, (isOwn = sources.has(sourceOf(fn))));
  }
  return isOwn;
}

function readSourcesOfMongoose(base: Mongoose): Set<string> {
  const fresh = new base.Mongoose();
  // Nothing is sent: it is not connected, and asked for no collection and no index.
  const options = { timestamps: true, autoCreate: false, autoIndex: false };
  const text = { type: String, lowercase: true, uppercase: true, trim: true, immutable: true };
  const { schema } = fresh.model('BuiltIn', new fresh.Schema({ text }, options));
  const hooks = (['pre', 'post'] as const).flatMap((kind) => [
    ...(findMiddleware(schema, kind, 'save') ?? []),
    ...(findMiddleware(schema, kind, 'validate') ?? []),
  ]);
  const setters = Object.values({ ...schema.paths }).flatMap((type) => membersOf(type)['setters']);
  const functions = [...hooks.map(({ fn }) => fn), ...setters];
  return new Set(functions.filter((one) => typeof one === 'function').map(sourceOf));
}

function sourceOf(fn: object): string {
  return Function.prototype.toString.call(fn);
}

/** Kareem, Mongoose's middleware engine: 9 returns a promise, 8 calls back. `bulkSave` uses it so. */
interface Hooks {
  filter(keep: (hook: Hook) => boolean): Hooks;
  execPre(
    name: 'save',
    document: unknown,
    args: unknown[],
    done: (error?: unknown) => void,
  ): unknown;
  execPost(
    name: 'save',
    document: unknown,
    args: unknown[],
    options: { error?: unknown },
    done: (error?: unknown) => void,
  ): unknown;
}

function findHooks(schema: AnySchema): Members | undefined {
  const { s } = membersOf(schema);
  return isObject(s) && isObject(s['hooks']) ? s['hooks'] : undefined;
}

/** Relies on Kareem's `_pres` and `_posts`; undefined where they are missing: any may exist. */
export function findMiddleware(
  schema: AnySchema,
  kind: 'pre' | 'post',
  operation: 'save' | 'validate',
): Hook[] | undefined {
  const hooks = findHooks(schema)?.[kind === 'pre' ? '_pres' : '_posts'];
  return hooks instanceof Map ? ((hooks.get(operation) ?? []) as Hook[]) : undefined;
}

/**
 * Runs the `pre('save')` middleware that `isRun` selects, and that of subdocuments. Relies on
 * `schema.s.hooks` with `filter()` and `execPre()`, and on `$__.saveOptions`, where the middleware of
 * subdocuments reads the options of the save.
 *
 * @throws Error where the middleware cannot be run: a password that it hashes would be stored as it is
 * @returns what the middleware rejects with, as `{ error }`
 */
export async function runPreSave(
  document: AnyDocument,
  saveOptions: object,
  isRun: (hook: Hook) => boolean,
): Promise<{ error: unknown } | undefined> {
  const hooks = findHooks(document.constructor.schema as AnySchema) as Partial<Hooks> | undefined;
  const { $__: state } = membersOf(document);
  if (
    typeof hooks?.filter !== 'function' ||
    typeof hooks.execPre !== 'function' ||
    !isObject(state)
  ) {
    throw missing(
      "way to run pre('save') middleware without save()",
      'call save(), or pass middleware: false where none is needed',
    );
  }
  const own = hooks.filter(isRun);
  state['saveOptions'] = saveOptions;
  return settleHooks((done) => own.execPre('save', document, [saveOptions], done));
}

/** True if it runs for errors only: by the option `errorHandler`, or because it has three parameters. */
export function isErrorHandler({ fn, errorHandler }: Hook): boolean {
  return errorHandler === true || fn.length === 3;
}

const ofPlugin = new WeakSet();

/** The plugin's own error middleware has nothing to do for an error that an upsert rejects with. */
export function markOfPlugin(handler: object): void {
  ofPlugin.add(handler);
}

/** Of this copy of the package; that of another one counts as a user's, and runs. */
export function isOfPlugin({ fn }: Hook): boolean {
  return ofPlugin.has(fn);
}

/**
 * Runs the `post('save')` middleware of a document and of its subdocuments; for an error, the error
 * middleware. Relies on `schema.s.hooks` with `execPost()`; without it none runs, see
 * {@link requirePostSave}.
 *
 * @returns what the middleware rejects with, as `{ error }`
 */
export async function runPostSave(
  document: AnyDocument,
  error?: unknown,
): Promise<{ error: unknown } | undefined> {
  const hooks = findHooks(document.constructor.schema as AnySchema) as Partial<Hooks> | undefined;
  if (typeof hooks?.execPost !== 'function') return error ? { error } : undefined;
  return settleHooks((done) =>
    (hooks as Hooks).execPost('save', document, [document], error ? { error } : {}, done),
  );
}

/** @throws Error where post('save') middleware cannot be run: before anything is sent */
export function requirePostSave(schema: AnySchema): void {
  if (typeof findHooks(schema)?.['execPost'] === 'function') return;
  throw missing(
    "way to run pre('save') middleware and post('save') middleware without save()",
    'call save(), or pass middleware: false where none is needed',
  );
}

/** Waits for Kareem, which returns a promise or calls back. */
function settleHooks(
  run: (done: (error?: unknown) => void) => unknown,
): Promise<{ error: unknown } | undefined> {
  return new Promise((resolve) => {
    const done = (error?: unknown): void => {
      resolve(error ? { error } : undefined);
    };
    const promise = run(done);
    if (promise instanceof Promise) {
      promise.then(() => {
        done();
      }, done);
    }
  });
}

/** True for the result of `mongoose.skipMiddlewareFunction()`, not an Error. Relies on its class name. */
export function isSkippedByMiddleware(error: unknown): boolean {
  return isObject(error) && error.constructor.name === 'skipWrappedFunction';
}

const BUILT_IN = Symbol.for('mongoose:built-in-middleware');

/**
 * Removes the user's middleware of the phases that `isSkipped` selects from a query. Relies on
 * `_queryMiddleware`, a Kareem with `filter()` (Mongoose 8 and 9; the option `middleware` of queries is
 * of 9.2).
 *
 * @throws Error where a phase is to be skipped and the member is missing: the option must not be lost
 */
export function skipQueryMiddleware(
  query: object,
  isSkipped: (phase: 'pre' | 'post') => boolean,
): void {
  const skipped = (['pre', 'post'] as const).filter(isSkipped);
  if (skipped.length === 0) return;
  const members = membersOf(query);
  const { _queryMiddleware: all } = members;
  if (!isObject(all) || typeof all['filter'] !== 'function') {
    throw missing('_queryMiddleware on queries', 'middleware cannot be skipped');
  }
  const filter = all['filter'] as (keep: (hook: { fn: object }) => boolean) => Members;
  const kept = filter.call(all, () => true);
  const own = filter.call(all, ({ fn }) => BUILT_IN in fn);
  for (const phase of skipped) kept[`_${phase}s`] = own[`_${phase}s`];
  members['_queryMiddleware'] = kept;
}

/* Queries and connections */

type SendFindOneAndUpdate = (filter: object, update: unknown, options: object) => Promise<unknown>;

/**
 * Makes this query call `send` instead of the collection's `findOneAndUpdate`. The query's middleware,
 * session, lean and hydration still apply. Relies on `query.mongooseCollection`.
 *
 * @throws Error where it is missing
 */
export function replaceFindOneAndUpdate(
  query: object,
  send: (collection: Collection) => SendFindOneAndUpdate,
): void {
  const members = membersOf(query);
  const collection = members['mongooseCollection'] as Collection | undefined;
  if (typeof collection?.findOneAndUpdate !== 'function') {
    throw missing('mongooseCollection on queries', 'the upsert cannot be sent');
  }
  members['mongooseCollection'] = Object.create(collection, {
    findOneAndUpdate: { value: send(collection) },
  });
}

/**
 * Casts and validates the update of a query, as if the query were sent. Relies on `_castUpdate()` and
 * `validate()` of queries.
 *
 * @throws Error where they are missing: an update that was not cast would be stored
 */
export async function castUpdate(query: {
  getUpdate(): unknown;
  getOptions(): object;
}): Promise<object> {
  const { _castUpdate, validate } = membersOf(query);
  if (typeof _castUpdate !== 'function' || typeof validate !== 'function') {
    throw missing('_castUpdate() or validate() on queries', 'the update cannot be cast');
  }
  const cast = _castUpdate.call(query, query.getUpdate()) as object;
  await (validate.call(query, cast, query.getOptions(), false) as Promise<unknown>);
  return cast;
}

/**
 * The session that an operation runs in: the given one, else that of `connection.transaction()` where
 * `mongoose.set('transactionAsyncLocalStorage', true)` passes it on. Relies on
 * `transactionAsyncLocalStorage`.
 *
 * @throws Error where an app has set that option and the member is missing: a write would leave the
 *   transaction that surrounds it
 */
export function findSession(
  model: AnyModel,
  given: ClientSession | null | undefined,
): ClientSession | null | undefined {
  if (given !== undefined) return given;
  const { base } = model;
  const storage = membersOf(base)['transactionAsyncLocalStorage'] as
    { getStore(): { session?: ClientSession } | undefined } | undefined;
  const isSet: unknown = (base as Pick<Mongoose, 'get'>).get(
    'transactionAsyncLocalStorage' as never,
  );
  if (storage === undefined && isSet) {
    throw missing('transactionAsyncLocalStorage', 'the surrounding transaction is not known');
  }
  return storage?.getStore()?.session;
}

/** Uses only documented members; it is here because it belongs to findSession(). */
export function isInTransaction(session: ClientSession | null | undefined): boolean {
  return session?.inTransaction() ?? false;
}

/**
 * The wire version of the oldest server of the model's connection, such as 17 for MongoDB 6.0; 0 where
 * it is not known, and the server then counts as an old one. Relies on `topology` of the client, with
 * `description.servers`: the `commonWireVersion` beside it is always 0 in driver 6.
 */
export function findWireVersion({ db }: AnyModel): number {
  const { topology } = (db.getClient() as { topology?: unknown } | undefined) ?? {};
  const description = isObject(topology) ? topology['description'] : undefined;
  const servers = isObject(description) ? description['servers'] : undefined;
  const versions = Array.from(
    servers instanceof Map ? (servers as Map<string, { maxWireVersion: number }>).values() : [],
    ({ maxWireVersion }) => maxWireVersion,
  );
  // A server that does not answer has no version.
  const known = versions.filter((version) => version > 0);
  return known.length === 0 ? 0 : Math.min(...known);
}

/** The connection whose `useDb()` returned this one, and which opens it. Relies on `otherDbs`. */
export function findParentConnection(connection: Connection): Connection | undefined {
  const { otherDbs } = membersOf(connection);
  return Array.isArray(otherDbs) ? (otherDbs[0] as Connection | undefined) : undefined;
}

/** The name of a query's operation. Relies on `op`; without it a published duplicate names no operation. */
export function findOperation(query: object): string | undefined {
  return (query as { op?: string }).op;
}

/**
 * From here on no model of this Mongoose creates a collection or builds an index. Relies on `Model.init`
 * keeping its promise in `$init`; without it models wait for nothing, and still build nothing.
 */
export function preventInit(mongoose: Mongoose): void {
  const model = membersOf(mongoose.Model);
  for (const name of ['createCollection', 'createIndexes', 'ensureIndexes', 'syncIndexes']) {
    model[name] = () => Promise.resolve();
  }
  model['createSearchIndexes'] = () => Promise.resolve();
  model['init'] = function init(this: AnyModel) {
    this.schema.emit('init', this);
    return (membersOf(this)['$init'] ??= Promise.resolve(this));
  };
}

/* Errors */

/** Mongoose's message begins with the model's name. Relies on `_message`; without it the name is missing. */
export function nameModelInMessage(error: Error, model: AnyModel): void {
  membersOf(error)['_message'] = `${model.modelName} validation failed`;
}
