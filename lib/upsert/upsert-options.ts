import type { ClientSession, Document, Types } from 'mongoose';
import { isMongooseDocument } from '../mongoose-internals';
import {
  BOOLEAN_RULE,
  checkRules,
  CONFLICT_TARGET_RULE,
  FUNCTION_RULE,
  integerRule,
  isTextList,
  SESSION_RULE,
  type Rules,
} from '../options/rules';
import { show } from '../options/show';
import type { PathOf } from '../schema/document-of';
import type { Operators } from './to-operators';

/** What may be written where `T` is read: Mongoose casts texts to ids and dates. */
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
  /** Of a new document; one that is there keeps its own. */
  _id?: unknown;
};

/** A path, a list of paths in any order, or the name of a unique index; editors complete the paths. */
export type ConflictTargetOf<Raw> =
  PathOf<Raw> | readonly PathOf<Raw>[] | (string & Record<never, never>);

// Any document type, where a call does not know its model.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyRaw = any;

type FieldsOf<Raw> = { [P in PathOf<Raw>]?: unknown };
export const UPDATE_OPERATORS = [
  '$set',
  '$unset',
  '$inc',
  '$mul',
  '$min',
  '$max',
  '$push',
  '$addToSet',
  '$pull',
  '$pullAll',
  '$pop',
  '$currentDate',
  '$bit',
  '$rename',
  '$setOnInsert',
] as const;

/** An update of MongoDB's operators, such as `{ $inc: { logins: 1 } }`. */
export type UpdateOperators<Raw = AnyRaw> = {
  [Operator in (typeof UPDATE_OPERATORS)[number]]?: FieldsOf<Raw>;
};

/** Options that saveOrUpsert and saveOrUpsertMany share. */
export interface UpsertOptions<Raw = AnyRaw> {
  /**
   * The unique index that says whether the document is there: a path, a list of paths in any order,
   * or an index name. Default: the plugin's `conflictTarget`, else the only unique index, `_id` aside,
   * whose paths are all in the input.
   */
  conflictTarget?: ConflictTargetOf<Raw>;
  /**
   * What becomes of a document that is there. `'update'`: the given paths are written. `'skip'`:
   * nothing is written. `'replace'`: it becomes the input; `_id`, `createdAt`, the version key, the
   * discriminator key and immutable paths stay. Default: `'update'`.
   */
  onConflict?: 'update' | 'skip' | 'replace';
  /**
   * Limits what is written to a document that is there, `updatedAt` aside: a list of paths, or all but
   * some. An update of operators is written instead of the input, to a new document too; the rest of
   * that is the input. It must not touch the conflict target's paths. Default: all that is given.
   */
  update?: readonly PathOf<Raw>[] | { except: readonly PathOf<Raw>[] } | UpdateOperators<Raw>;
  /**
   * Accepts an input without some required paths for a document that is there. Where none is there, the
   * call rejects with the ValidationError of what is missing, and nothing is written. Default: `false`.
   */
  validateModifiedOnly?: boolean;
  /** `'skip'`: the schema's `pre('save')` middleware does not run. Default: `'run'`. */
  saveMiddleware?: 'run' | 'skip';
  /**
   * How often a write runs again when another one took the key in between, from 0 to 100. The waits are
   * random, at first up to 5 milliseconds and twice that each time, up to 500. In a transaction a write
   * never runs again. Default: `5`.
   */
  maxRetries?: number;
  /** The session of the write. Default: that of the surrounding transaction, where Mongoose knows it. */
  session?: ClientSession | null;
}

/** Mongoose's own option: with which virtuals, where it is an object. */
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

/** Options of `Model.saveOrUpsertMany(inputs, options)`. */
export interface SaveOrUpsertManyOptions<Raw = AnyRaw> extends UpsertOptions<Raw> {
  /** Stops at the first input that fails; those after it are not in the result. Default: `false`. */
  ordered?: boolean;
  /** How many inputs are read, prepared and sent at once, from 1 to 100,000. Default: `1000`. */
  batchSize?: number;
  /**
   * Called after each batch with the inputs that are done and, where the inputs are an array, how many
   * there are. What it throws ends the call. Default: none.
   */
  onProgress?: (progress: { done: number; total?: number }) => void;
}

const isOneOf = (values: unknown[]) => (value: unknown) => values.includes(value);

const COMMON_RULES: Rules = {
  conflictTarget: CONFLICT_TARGET_RULE,
  onConflict: [isOneOf(['update', 'skip', 'replace']), '"update", "skip" or "replace"'],
  update: [
    (value) => findUpdateRule(value) !== undefined,
    'a list of paths, { except: [paths] }, or an update of operators such as { $inc: { logins: 1 } }',
  ],
  validateModifiedOnly: BOOLEAN_RULE,
  saveMiddleware: [isOneOf(['run', 'skip']), '"run" or "skip"'],
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
  onProgress: FUNCTION_RULE,
};

/** Throws a TypeError that says what was given and what to write instead; nothing was sent. */
export function checkOptionsOfOne(options: unknown): void {
  checkRules('saveOrUpsert: options', options, RULES);
  checkTogether(options as UpsertOptions);
}

/** The same for saveOrUpsertMany. */
export function checkOptionsOfMany(options: unknown): void {
  checkRules('saveOrUpsertMany: options', options, MANY_RULES);
  checkTogether(options as UpsertOptions);
}

function checkTogether({ onConflict, update, validateModifiedOnly }: UpsertOptions): void {
  if (update !== undefined && onConflict !== undefined && onConflict !== 'update') {
    throw new TypeError(
      `saveOrUpsert: options.update says what to write to a document that is there, onConflict: ` +
        `"${onConflict}" says something else; pass one of them.`,
    );
  }
  if (onConflict === 'replace' && validateModifiedOnly === true) {
    throw new TypeError(
      'saveOrUpsert: onConflict: "replace" needs a whole document, so validateModifiedOnly cannot be true.',
    );
  }
}

/** Throws a TypeError where the input is none. */
export function checkInput(input: unknown): asserts input is object {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (isObject && !isMongooseDocument(input)) return;
  const given = isObject ? 'a Mongoose document' : show(input);
  throw new TypeError(
    `saveOrUpsert: the input is ${given}; it must be a plain object of the paths to write, such as ` +
      '{ email, name }. To store a document that was loaded, call its save().',
  );
}

/** `options.update`, told apart. */
export type UpdateRule =
  | { kind: 'all' }
  | { kind: 'list' | 'except'; paths: readonly string[] }
  | { kind: 'operators'; operators: Operators };

/** Undefined where it is none. An empty list would be `onConflict: 'skip'`, but for `updatedAt`. */
export function findUpdateRule(update: unknown): UpdateRule | undefined {
  if (update === undefined) return { kind: 'all' };
  if (Array.isArray(update)) {
    return isTextList(update) && update.length > 0
      ? { kind: 'list', paths: update as string[] }
      : undefined;
  }
  if (!isObject(update)) return undefined;
  const entries = Object.entries(update);
  const [[name, value] = ['', undefined]] = entries;
  if (name === 'except' && entries.length === 1) {
    return isTextList(value) ? { kind: 'except', paths: value as string[] } : undefined;
  }
  const isUpdate = entries.every(([key, fields]) => key.startsWith('$') && isObject(fields));
  return isUpdate && entries.length > 0 ? { kind: 'operators', operators: update } : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
