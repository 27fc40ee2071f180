import { resolvePluginOptions, type AnyModel, type AnySchema } from '../mongoose-internals';
import { isObject } from './is-object';
import {
  BOOLEAN_RULE,
  checkRules,
  CONFLICT_TARGET_RULE,
  FUNCTION_RULE,
  isNonEmptyString,
  isStringList,
  STRING_RULE,
  type Rules,
} from './rules';
import { show } from './show';

/** A path, a list of paths in any order, or the name of a unique index. */
export type ConflictTarget = string | readonly string[];

/** The argument of a message function. */
export interface MessageContext {
  /** The path of the error, such as `email` or `contacts.1.email`. */
  path: string;
  /** All paths of the violated index, in its order. */
  paths: string[];
  /** The written value, cast; undefined if it is hidden or not known. */
  value: unknown;
  /** `unique`, or `options.kind`. */
  kind: string;
  /** The name of the violated index; undefined if the server does not report it. */
  index: string | undefined;
  /** The violated index: its paths in order, with 1 or -1. */
  keyPattern: Record<string, unknown>;
  /** The model that was written to; `model.modelName` is its name. */
  model: AnyModel;
}

/**
 * A string with placeholders, each filled once, or a function that returns the string: `{PATH}` is the
 * path, `{PATHS}` all paths of the index, `{VALUE}` the value, `{KIND}` the kind, `{INDEX}` the index name.
 */
export type UniqueMessage = string | ((context: MessageContext) => string);

/** Options for the errors of one index: `options.indexes[name]`. */
export interface UniqueIndexOptions {
  /** The message of errors of this index. Default: `options.message`. */
  message?: UniqueMessage;
  /** The `kind` of errors of this index. Default: `options.kind`. */
  kind?: string;
  /** Reports the error of a compound index only on this path. Default: one error on each of its paths. */
  path?: string;
}

/**
 * Why a duplicate-key error was not converted, or why `collectAll` added nothing to a ValidationError.
 * It is `error.uniqueGuard`, not enumerable.
 */
export interface UniqueGuardNote {
  /** A sentence that says why, and what to do. */
  reason: string;
  /** The error of a message function or of the conversion itself, if one failed. */
  failure?: unknown;
}

/** Options of `schema.plugin(uniqueGuard, options)`. */
export interface UniqueGuardOptions {
  /**
   * The message of every violation whose path or index has no message of its own. Default:
   * `mongoose.Error.messages.general.unique` if an app sets it, else ``Path `{PATH}` must be unique.``,
   * and for a compound index ``Paths `a`, `b` must be unique together.``
   */
  message?: UniqueMessage;
  /** The `kind` of the errors. Default: `'unique'`. */
  kind?: string;
  /** Options of one index, by index name (`email_1`, unless the schema names it). Default: none. */
  indexes?: Record<string, UniqueIndexOptions>;
  /**
   * Keeps values out of `value`, `properties`, the message and the cause: `true` for all paths, or a
   * list of paths as the index declares them. A path with `select: false` always hides its value.
   * Default: `[]`.
   */
  hideValues?: true | readonly string[];
  /**
   * Called with each duplicate-key error that is not converted, and the reason, so that a team can log
   * it. What it throws is ignored: the caller still gets the original error. Default: none.
   */
  onUnexplained?: (error: unknown, note: UniqueGuardNote) => void;
  /**
   * The conflict target of `saveOrUpsert` calls that name none: a path, a list of paths in any order, or
   * an index name. It is checked by the call, since indexes may be declared later. Default: the only
   * unique index, `_id` aside, whose paths are all in the input.
   */
  conflictTarget?: ConflictTarget;
  /**
   * The server reports one violated index. `true`: after a duplicate on `save`, `create`, `insertOne`,
   * `updateOne`, `replaceOne`, `findOneAndUpdate` or `findOneAndReplace` one query for each other unique
   * index, all at once, finds the rest, and the ValidationError reports every conflicting field. They take
   * at most one second; if one fails, or in a transaction, the error is that of the one index.
   * It costs nothing on success. A single call sets it by its option `uniqueGuard: { collectAll }`.
   * Default: `false`.
   */
  collectAll?: boolean;
  /** Mongoose's own option of `schema.plugin()`: apply a plugin once. Default: `false`. */
  deduplicate?: boolean;
}

/** The option `uniqueGuard` of a single write. */
export interface UniqueGuardCallOptions {
  /** Overrides the plugin's option of that name for this call. */
  collectAll?: boolean;
}

/** Marks the plugin's function, so that its options can be found in the list of a schema's plugins. */
export const PLUGIN = Symbol.for('mongoose-unique-guard');

/**
 * The options that the plugin was applied with; an empty object for a schema without the plugin.
 *
 * @throws Error if this version of Mongoose does not report them
 */
export function resolveOptions(schema: AnySchema): UniqueGuardOptions {
  return resolvePluginOptions(schema, (fn) => PLUGIN in fn) ?? {};
}

/** The same, but never throws: without options, all values are hidden. */
export function findOptions(schema: AnySchema): UniqueGuardOptions {
  try {
    return resolveOptions(schema);
  } catch {
    return { hideValues: true };
  }
}

const isMessage = (value: unknown): boolean =>
  isNonEmptyString(value) || typeof value === 'function';

const MESSAGE_RULES: Rules = {
  message: [isMessage, 'a string or a function that returns one'],
  kind: STRING_RULE,
};

const INDEX_RULES: Rules = {
  ...MESSAGE_RULES,
  // As a key of `errors`, `__proto__` would replace the object's prototype.
  path: [
    (value) => isNonEmptyString(value) && value !== '__proto__',
    'the path to report the error on',
  ],
};

const RULES: Rules = {
  ...MESSAGE_RULES,
  indexes: [
    (value) => isObject(value) && !Array.isArray(value),
    'an object by index name, such as { email_1: { message: "Already in use" } }',
  ],
  hideValues: [(value) => value === true || isStringList(value), 'true or a list of paths'],
  onUnexplained: FUNCTION_RULE,
  conflictTarget: CONFLICT_TARGET_RULE,
  collectAll: BOOLEAN_RULE,
  deduplicate: BOOLEAN_RULE,
};

/** @throws TypeError that names the option, the given value and what is allowed */
export function checkOptions(options: unknown): void {
  if (options === undefined) return;
  checkRules('uniqueGuard: options', options, RULES);
  const { indexes } = options as UniqueGuardOptions;
  for (const [name, indexOptions] of Object.entries(indexes ?? {})) {
    checkRules(`uniqueGuard: options.indexes[${show(name)}]`, indexOptions, INDEX_RULES);
  }
}
