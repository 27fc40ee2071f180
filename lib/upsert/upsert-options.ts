/** Types and checks of the options and inputs of saveOrUpsert and saveOrUpsertMany. */
import type { ClientSession, Document, Types } from 'mongoose';
import { isMongooseDocument, type AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import {
  BOOLEAN_RULE,
  checkRules,
  CONFLICT_TARGET_RULE,
  FUNCTION_RULE,
  integerRule,
  SESSION_RULE,
  type Rules,
} from '../options/rules';
import { findNearest } from '../options/nearest';
import { show } from '../options/show';
import type { PathOf } from '../schema/document-of';
import { findConflictRule, ON_CONFLICT, type AnyRaw, type OnConflict } from './on-conflict';

/** The input types that Mongoose casts to `T`, such as strings to ObjectIds and dates. */
type Castable<T> = T extends Types.ObjectId
  ? T | string
  : T extends Date
    ? T | string | number
    : T extends Map<string, infer V>
      ? T | Record<string, Castable<V>>
      : T extends Types.Decimal128
        ? T | string | number
        : T extends Types.DocumentArray<infer Raw>
          ? Castable<Raw>[]
          : T extends Document | Buffer | bigint
            ? T
            : T extends (infer U)[]
              ? Castable<U>[]
              : T extends object
                ? { [K in keyof T]?: Castable<T[K]> | null }
                : T;

/** The input of saveOrUpsert: any of the schema's paths. */
export type SaveInput<Raw> = { [K in keyof Raw]?: Castable<Raw[K]> | null } & {
  /** The `_id` of a new document. A document that exists keeps its `_id`. */
  _id?: unknown;
};

/** A path, a list of paths in any order, or the name of a unique index; editors complete the paths. */
type ConflictTargetOf<Raw> = PathOf<Raw> | readonly PathOf<Raw>[] | (string & Record<never, never>);

/** Options that saveOrUpsert and saveOrUpsertMany share. */
export interface UpsertOptions<Raw = AnyRaw> {
  /**
   * The unique index that identifies the document: a path, a list of paths in any order,
   * or an index name. Default: the plugin's `conflictTarget`, otherwise the only unique index other than
   * `_id` whose paths are all in the input.
   */
  conflictTarget?: ConflictTargetOf<Raw>;
  /**
   * What happens to a document that exists. `'update'`: the given paths are written. `'skip'`: nothing
   * is written. `'replace'`: the document becomes the input, except for `_id`, `createdAt`, the version key,
   * the discriminator key and immutable paths. `{ only }`, `{ except }`: of the given paths, only these
   * are written, or all but these. An update with operators, such as `{ $inc: { logins: 1 } }`, is written
   * instead of the input, also to a new document, and must not write the paths of the conflict target.
   * `updatedAt` is set where a value changes, except with `'skip'` and `timestamps: false`. Default:
   * `'update'`.
   */
  onConflict?: OnConflict<Raw>;
  /**
   * Accepts an input without some required paths if the document exists. If none exists, the call rejects
   * with the ValidationError of the missing paths, and nothing is written. Default: `false`.
   */
  validateModifiedOnly?: boolean;
  /**
   * Mongoose's own option: `false`, or `{ pre: false }`, skips the schema's `pre('save')` middleware;
   * `false`, or `{ post: false }`, skips its `post('save')` middleware. The `findOneAndUpdate` middleware
   * of the same kind is skipped as well. Validation and its middleware always run. Default: `true`.
   */
  middleware?:
    | boolean
    | {
        /** `false` skips pre middleware. */
        pre?: boolean;
        /** `false` skips post middleware. */
        post?: boolean;
      };
  /**
   * Mongoose's own option: `false` does not set `updatedAt` and, for a new document, `createdAt`. Default:
   * `true`.
   */
  timestamps?: boolean;
  /**
   * How often a write is retried when another write used the key in between, from 0 to 100. The waits are
   * random: at most 5 milliseconds at first, doubled with each retry, at most 500. A write in a
   * transaction is never retried. Default: `5`.
   */
  maxRetries?: number;
  /**
   * The session of the write. Default: the session of the surrounding `connection.transaction()`, if
   * Mongoose's option `transactionAsyncLocalStorage` is set.
   */
  session?: ClientSession | null;
}

/** Mongoose's own option; an object selects virtuals. */
export type LeanOption = boolean | { virtuals?: boolean | string[] };

/** Options of `Model.saveOrUpsert(input, options)`. */
export interface SaveOrUpsertOptions<
  Raw = AnyRaw,
  Lean extends LeanOption = LeanOption,
> extends UpsertOptions<Raw> {
  /**
   * A plain object instead of a hydrated document; with `{ virtuals: true }` it has the virtuals that
   * mongoose-lean-virtuals adds, where the schema has that plugin. Default: `false`.
   */
  lean?: Lean;
}

/** Which inputs have an entry in the results of saveOrUpsertMany. */
export type ResultsOption = 'all' | 'failed';

/** Options of `Model.saveOrUpsertMany(inputs, options)`. */
export interface SaveOrUpsertManyOptions<
  Raw = AnyRaw,
  Results extends ResultsOption = ResultsOption,
> extends UpsertOptions<Raw> {
  /** Stops at the first input that fails; those after it are not in the result. Default: `false`. */
  ordered?: boolean;
  /** How many inputs are read, prepared and sent at once, from 1 to 100,000. Default: `1000`. */
  batchSize?: number;
  /**
   * `'failed'`: `results` has an entry only for each input that failed, so that an import of any length runs
   * in constant memory; the counts stay exact. Default: `'all'`.
   */
  results?: Results;
  /**
   * Called after each batch with the number of inputs that are done and, where the inputs are an array,
   * their total. What it throws ends the call. Default: none.
   */
  onProgress?: (progress: { done: number; total?: number }) => void;
}

function isMiddlewareOption(value: unknown): boolean {
  if (typeof value === 'boolean') return true;
  const isKind = ([name, one]: [string, unknown]) =>
    (name === 'pre' || name === 'post') && typeof one === 'boolean';
  return isObject(value) && Object.entries(value).every(isKind);
}

const COMMON_RULES: Rules = {
  conflictTarget: CONFLICT_TARGET_RULE,
  onConflict: [(value) => findConflictRule(value) !== undefined, ON_CONFLICT],
  validateModifiedOnly: BOOLEAN_RULE,
  middleware: [isMiddlewareOption, 'true, false, { pre: false } or { post: false }'],
  timestamps: BOOLEAN_RULE,
  maxRetries: integerRule(0, 100),
  session: SESSION_RULE,
};

const RULES: Rules = {
  ...COMMON_RULES,
  lean: [(value) => ['boolean', 'object'].includes(typeof value), 'true, false or { virtuals }'],
};

const MANY_RULES: Rules = {
  ...COMMON_RULES,
  ordered: BOOLEAN_RULE,
  batchSize: integerRule(1, 100_000),
  results: [(value) => value === 'all' || value === 'failed', '"all" or "failed"'],
  onProgress: FUNCTION_RULE,
};

/** Throws a TypeError that says what was given and what to write instead; nothing was sent. */
export function checkOptionsOfOne(options: unknown, input: unknown): void {
  refuseUpdateArgument(input, options);
  checkAll('saveOrUpsert', options, RULES);
}

/** Throws a TypeError for a call like `findOneAndUpdate(filter, update)`, without any option. */
function refuseUpdateArgument(input: unknown, options: unknown): void {
  if (!isObject(input) || !isObject(options) || Array.isArray(options)) return;
  const given = Object.keys(options);
  const names = [...Object.keys(RULES), 'update', 'saveMiddleware'];
  const isKnown = (name: string) => names.includes(name);
  const isMistyped = (name: string) => findNearest(name, names) !== undefined;
  if (given.some(isKnown) || given.every(isMistyped)) return;
  const operators = given.filter((name) => name.startsWith('$'));
  const others = operators.filter((name) => name !== '$set' && name !== '$setOnInsert');
  const written = given.flatMap((name) => {
    const operand: unknown = options[name];
    if (!name.startsWith('$')) return [name];
    return others.includes(name) || !isObject(operand) ? [] : Object.keys(operand);
  });
  const paths = [...new Set([...Object.keys(input), ...written])].join(', ');
  const onConflict = others.map((name) => `${name}: { … }`).join(', ');
  const call = `saveOrUpsert({ ${paths} }${others.length === 0 ? '' : `, { onConflict: { ${onConflict} } }`})`;
  throw new TypeError(
    `saveOrUpsert: options has no ${show(given[0])}; allowed are ${Object.keys(RULES).join(', ')}. ` +
      `The first argument holds all paths to write, not a filter: ${call}.`,
  );
}

/** Checks the options of saveOrUpsertMany in the same way. */
export function checkOptionsOfMany(options: unknown): void {
  checkAll('saveOrUpsertMany', options, MANY_RULES);
}

function checkAll(name: string, options: unknown, rules: Rules): void {
  if (isObject(options)) refuseFormerOptions(name, options);
  checkRules(`${name}: options`, options, rules);
  const { onConflict, validateModifiedOnly } = options as UpsertOptions;
  if (onConflict === 'replace' && validateModifiedOnly === true) {
    throw new TypeError(
      `${name}: onConflict: "replace" needs a whole document, so validateModifiedOnly cannot be true; ` +
        'remove one of the two.',
    );
  }
}

/** Throws a TypeError for a renamed option, and says what to write instead. */
function refuseFormerOptions(
  name: string,
  { update, saveMiddleware }: Record<string, unknown>,
): void {
  if (update !== undefined) {
    const instead = Array.isArray(update) ? { only: update as unknown[] } : update;
    throw new TypeError(
      `${name}: options.update is ${show(update)}; write onConflict: ${show(instead)} instead.`,
    );
  }
  if (saveMiddleware !== undefined) {
    const instead = saveMiddleware === 'skip' ? 'middleware: false' : 'middleware: true';
    throw new TypeError(
      `${name}: options.saveMiddleware is ${show(saveMiddleware)}; write ${instead} instead.`,
    );
  }
}

/** Does the call skip middleware of this phase? */
export function skipsMiddleware(
  { middleware }: Pick<UpsertOptions, 'middleware'>,
  phase: 'pre' | 'post',
): boolean {
  return typeof middleware === 'object' ? middleware[phase] === false : middleware === false;
}

/** Throws a TypeError where the input is not a plain object. */
export function checkInput(input: unknown, model: AnyModel): asserts input is object {
  const isInput = isObject(input) && !Array.isArray(input);
  if (isInput && !isMongooseDocument(input)) return;
  const isOther = isInput && !(input instanceof (model.base.Document as unknown as () => void));
  const document = isOther ? 'a document of another copy of mongoose' : 'a Mongoose document';
  const given = isInput ? document : show(input);
  throw new TypeError(
    `saveOrUpsert: the input is ${given}; it must be a plain object of the paths to write, such as ` +
      '{ email, name }. To store a document that was loaded, call its save().',
  );
}
