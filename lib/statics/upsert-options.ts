import type { ClientSession } from 'mongoose';
import { show } from '../options';
import type { ConflictTarget } from '../schema/conflict-target';

/** Options of `Model.saveOrUpsert(input, options)`. */
export interface SaveOrUpsertOptions {
  /**
   * The unique index that says whether the document is there: a path, a list of paths in any order,
   * or an index name. Default: the only unique index, `_id` aside, whose paths are all in the input.
   */
  conflictTarget?: ConflictTarget;
  /** The session of the write. In a transaction there is one try alone. Default: none. */
  session?: ClientSession | null;
  /**
   * A plain object instead of a hydrated document; with `{ virtuals: true }` it has the virtuals that
   * mongoose-lean-virtuals adds, where the schema has that plugin. Default: `false`.
   */
  lean?: boolean | { virtuals?: boolean | string[] };
  /** `'skip'`: the schema's `pre('save')` middleware does not run. Default: `'run'`. */
  saveMiddleware?: 'run' | 'skip';
}

const OPTIONS = ['conflictTarget', 'session', 'lean', 'saveMiddleware'];

/** Throws a TypeError that says what was given and what to write instead; nothing was sent. */
export function checkArguments(input: unknown, options: unknown): void {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!isObject || '$__' in input) {
    const given = isObject ? 'a Mongoose document' : show(input);
    throw new TypeError(
      `saveOrUpsert: the input is ${given}; it must be a plain object of the paths to write, such as ` +
        '{ email, name }. To store a document that was loaded, call its save().',
    );
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`saveOrUpsert: options is ${show(options)}; it must be an object.`);
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `saveOrUpsert: there is no option ${show(unknown)}; allowed are ${OPTIONS.join(', ')}.`,
    );
  }
  const { conflictTarget, session, lean, saveMiddleware } = options as SaveOrUpsertOptions;
  if (conflictTarget !== undefined && !isConflictTarget(conflictTarget)) {
    throw new TypeError(
      `saveOrUpsert: conflictTarget is ${show(conflictTarget)}; it must be a path, a list of paths or ` +
        'the name of a unique index.',
    );
  }
  if (session != null && typeof (session as Partial<ClientSession>).inTransaction !== 'function') {
    throw new TypeError(
      `saveOrUpsert: session is ${show(session)}; it must be what mongoose.startSession() gives.`,
    );
  }
  if (!['undefined', 'boolean', 'object'].includes(typeof lean)) {
    throw new TypeError(
      `saveOrUpsert: lean is ${show(lean)}; it must be true, false or { virtuals }.`,
    );
  }
  if (saveMiddleware !== undefined && !['run', 'skip'].includes(saveMiddleware)) {
    throw new TypeError(
      `saveOrUpsert: saveMiddleware is ${show(saveMiddleware)}; it must be "run" or "skip".`,
    );
  }
}

function isConflictTarget(value: unknown): boolean {
  const isPath = (one: unknown): boolean => typeof one === 'string' && one !== '';
  return isPath(value) || (Array.isArray(value) && value.length > 0 && value.every(isPath));
}
