import type { ClientSession } from 'mongoose';
import { show, type AnyModel } from '../options';
import { findUniqueIndexes } from '../schema/unique-index';
import { isSession } from '../session';
import { isRelated } from '../violation/known-document';

/** Options of `Model.checkUnique(input, options)`. */
export interface CheckUniqueOptions {
  /**
   * A document that may have these values, such as the one that an edit form changes: its `_id`, of any
   * type, or the document. Default: none.
   */
  exclude?: unknown;
  /**
   * Only the indexes on these paths, and of them those whose paths are all in the input: the answer for
   * a form that is half filled in. Default: all indexes, and a path that is missing counts as null.
   */
  paths?: string | readonly string[];
  /** The session to read in, such as that of a transaction. Default: none. */
  session?: ClientSession | null;
}

const OPTIONS = ['exclude', 'paths', 'session'];

/** Throws a TypeError that says what was given and what to write instead; nothing was sent. */
export function checkCheckArguments(model: AnyModel, input: unknown, options: unknown): void {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!isObject || '$__' in input) {
    const given = isObject ? 'a Mongoose document' : show(input);
    throw new TypeError(
      `checkUnique: the input is ${given}; it must be a plain object of the paths to check, such as ` +
        '{ email }. For a document there is document.checkUnique().',
    );
  }
  checkCheckOptions(options, OPTIONS);
  const { exclude, paths } = options as CheckUniqueOptions;
  if (exclude === null) {
    throw new TypeError(
      'checkUnique: exclude is null; it must be an _id or a document, or be left out.',
    );
  }
  if (paths !== undefined) checkPaths(model, paths);
}

/** The options alone, of which `document.checkUnique()` has fewer. */
export function checkCheckOptions(options: unknown, allowed: string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`checkUnique: options is ${show(options)}; it must be an object.`);
  }
  const unknown = Object.keys(options).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `checkUnique: there is no option ${show(unknown)}; allowed are ${allowed.join(', ')}.`,
    );
  }
  const { session } = options as CheckUniqueOptions;
  if (session !== undefined && !isSession(session)) {
    throw new TypeError(
      `checkUnique: session is ${show(session)}; it must be what mongoose.startSession() gives.`,
    );
  }
}

function checkPaths(model: AnyModel, paths: unknown): void {
  const list: unknown[] = Array.isArray(paths) ? paths : [paths];
  if (list.length === 0 || !list.every((path) => typeof path === 'string' && path !== '')) {
    throw new TypeError(
      `checkUnique: paths is ${show(paths)}; it must be a path or a list of paths.`,
    );
  }
  const indexed = findUniqueIndexes(model).flatMap(({ keyPattern }) => Object.keys(keyPattern));
  const other = list.find((path) => !indexed.some((one) => isRelated(one, path as string)));
  if (other !== undefined) {
    throw new TypeError(
      `checkUnique: no unique index of ${model.modelName} is on ${show(other)}; there are some on ` +
        `${[...new Set(indexed)].join(', ')}.`,
    );
  }
}
