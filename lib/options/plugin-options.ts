import { resolvePluginOptions, type AnyModel, type AnySchema } from '../mongoose-internals';
import { isObject } from './is-object';
import {
  BOOLEAN_RULE,
  checkRules,
  CONFLICT_TARGET_RULE,
  FUNCTION_RULE,
  isText,
  isTextList,
  type Rules,
} from './rules';
import { show } from './show';

/** A path, a list of paths in any order, or the name of a unique index. */
export type ConflictTarget = string | readonly string[];

/** What a message function is given. */
export interface MessageContext {
  /** The path that the message stands beside, such as `email` or `contacts.1.email`. */
  path: string;
  /** All paths of the violated index, in its order. */
  paths: string[];
  /** What the user wrote there, cast; undefined where nothing tells it. */
  value: unknown;
  /** `unique`, or what `options.kind` says. */
  kind: string;
  /** The name of the violated index, where the server tells it. */
  index: string | undefined;
  /** The violated index: its paths in order, with 1 or -1. */
  keyPattern: Record<string, unknown>;
  /** The model that was written to; `model.modelName` is its name. */
  model: AnyModel;
}

/**
 * A text with placeholders, each filled once, or a function that returns the text:
 * `{PATH}` the path, `{PATHS}` all paths of the index, `{VALUE}` what the user wrote, `{KIND}` the
 * kind, `{INDEX}` the index name.
 */
export type UniqueMessage = string | ((context: MessageContext) => string);

/** How the violations of one index are reported. */
export interface UniqueIndexOptions {
  /** Default: `options.message`. */
  message?: UniqueMessage;
  /** Default: `options.kind`. */
  kind?: string;
  /** Puts the error of a compound index on this path alone. Default: one error on each of its paths. */
  path?: string;
}

/**
 * Why a duplicate-key error was left as it was, or why `collectAll` added nothing to a ValidationError;
 * not enumerable, as `error.uniqueGuard`.
 */
export interface UniqueGuardNote {
  /** A sentence: what is not known, and what to declare. */
  reason: string;
  /** What failed, where it was a message function or the conversion itself. */
  failure?: unknown;
}

/** Options of `schema.plugin(uniqueGuard, options)`. */
export interface UniqueGuardOptions {
  /**
   * The message of every violation whose path or index has none of its own. Default:
   * `mongoose.Error.messages.general.unique` where an app has set it, else
   * ``Path `{PATH}` must be unique.``, for a compound index
   * ``Paths `a`, `b` must be unique together.``
   */
  message?: UniqueMessage;
  /** The `kind` of the errors. Default: `'unique'`. */
  kind?: string;
  /** Options for single indexes, by index name (`email_1`, unless the schema names it). */
  indexes?: Record<string, UniqueIndexOptions>;
  /**
   * Keeps values out of `value`, `properties`, the message and the cause: `true` for all paths, or a
   * list of paths as the index declares them. A path with `select: false` always hides its value.
   * Default: `[]`.
   */
  hideValues?: true | readonly string[];
  /**
   * Called with each duplicate-key error that is left as it is, and why, so that a team can log it.
   * What it throws is ignored: the caller gets the original error all the same. Default: none.
   */
  onUnexplained?: (error: unknown, note: UniqueGuardNote) => void;
  /**
   * The conflict target of saveOrUpsert where a call names none: a path, a list of paths in any order,
   * or an index name. Checked by the call, for indexes may be declared later. Default: the only unique
   * index, `_id` aside, whose paths are all in the input.
   */
  conflictTarget?: ConflictTarget;
  /**
   * The server tells one violated index. `true`: after a duplicate on `save`, `create`, `insertOne`,
   * `updateOne`, `replaceOne`, `findOneAndUpdate` or `findOneAndReplace` one more query (one for each
   * collation in use) finds the others, and the ValidationError has the errors of all. It takes a
   * second at the most; where it fails, or in a transaction, the error is that of the one index. Costs
   * nothing on success. For one call: its option `uniqueGuard: { collectAll }`. Default: `false`.
   */
  collectAll?: boolean;
  /** Mongoose's own option of `schema.plugin()`: apply a plugin once. Default: `false`. */
  deduplicate?: boolean;
}

/** What one write may set for itself, as its option `uniqueGuard`. */
export interface UniqueGuardCallOptions {
  /** As the plugin's option of that name, and before it. */
  collectAll?: boolean;
}

/** Marks the plugin's function, so that its options are found among a schema's plugins. */
export const PLUGIN = Symbol.for('mongoose-unique-guard');

/**
 * The options that the plugin was applied with; none on a schema without it.
 *
 * @throws Error where this version of Mongoose does not say
 */
export function resolveOptions(schema: AnySchema): UniqueGuardOptions {
  return resolvePluginOptions(schema, (fn) => PLUGIN in fn) ?? {};
}

/** The same for the error of a write, which goes out in any case: all values hidden, where it throws. */
export function findOptions(schema: AnySchema): UniqueGuardOptions {
  try {
    return resolveOptions(schema);
  } catch {
    return { hideValues: true };
  }
}

const isMessage = (value: unknown): boolean => isText(value) || typeof value === 'function';

const MESSAGE_RULES: Rules = {
  message: [isMessage, 'a text or a function that returns one'],
  kind: [isText, 'a text'],
};

const INDEX_RULES: Rules = {
  ...MESSAGE_RULES,
  // As a key of `errors` the one would swap the object's prototype.
  path: [(value) => isText(value) && value !== '__proto__', 'the path that shows the error'],
};

const RULES: Rules = {
  ...MESSAGE_RULES,
  indexes: [
    (value) => isObject(value) && !Array.isArray(value),
    'an object by index name, such as { email_1: { message: "Taken" } }',
  ],
  hideValues: [(value) => value === true || isTextList(value), 'true or a list of paths'],
  onUnexplained: FUNCTION_RULE,
  conflictTarget: CONFLICT_TARGET_RULE,
  collectAll: BOOLEAN_RULE,
  deduplicate: BOOLEAN_RULE,
};

/** Throws a TypeError that names the option, what was given and what is allowed. */
export function checkOptions(options: unknown): void {
  if (options === undefined) return;
  checkRules('uniqueGuard: options', options, RULES);
  const { indexes } = options as UniqueGuardOptions;
  for (const [name, indexOptions] of Object.entries(indexes ?? {})) {
    checkRules(`uniqueGuard: options.indexes[${show(name)}]`, indexOptions, INDEX_RULES);
  }
}
