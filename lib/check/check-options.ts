import type { ClientSession } from 'mongoose';
import { isMongooseDocument, type AnyModel } from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { checkRules, PATHS_RULE, SESSION_RULE, type Rules } from '../options/rules';
import { show } from '../options/show';
import { isRelated } from '../schema/path';
import { findUniqueIndexes } from '../schema/unique-index';

/** Options of `Model.checkUnique(input, options)`. */
export interface CheckUniqueOptions {
  /**
   * The document that may have these values, such as the one that a form edits: its `_id`, or a document with
   * an `_id`. Default: none.
   */
  exclude?: unknown;
  /**
   * Checks only indexes on one of these paths, and only if the input has all paths of the index: for a form
   * that is not complete yet. Default: all indexes, and a missing path counts as null.
   */
  paths?: string | readonly string[];
  /** The session to read in, such as a transaction's. Default: none. */
  session?: ClientSession | null;
}

const DOCUMENT_RULES: Rules = { session: SESSION_RULE };

const RULES: Rules = {
  exclude: [(value) => value !== null, 'an _id or a document, or undefined'],
  paths: PATHS_RULE,
  ...DOCUMENT_RULES,
};

/** @throws TypeError that says what was given and what is allowed */
export function checkArguments(model: AnyModel, input: unknown, options: unknown): void {
  const isDocument = isMongooseDocument(input);
  if (isDocument || !isObject(input) || Array.isArray(input)) {
    const given = isDocument ? 'a Mongoose document' : show(input);
    throw new TypeError(
      `checkUnique: the input is ${given}; it must be a plain object of the paths to check, such as ` +
        '{ email }. For a document, call document.checkUnique().',
    );
  }
  checkRules('checkUnique: options', options, RULES);
  const { paths = [] } = options as CheckUniqueOptions;
  checkPaths(model, typeof paths === 'string' ? [paths] : paths);
}

/** The same for `document.checkUnique()`, whose input is the document. */
export function checkDocumentOptions(options: unknown): void {
  checkRules('checkUnique: options', options, DOCUMENT_RULES);
}

function checkPaths(model: AnyModel, paths: readonly string[]): void {
  const indexed = findUniqueIndexes(model).flatMap(({ keyPattern }) => Object.keys(keyPattern));
  const other = paths.find((path) => !indexed.some((one) => isRelated(one, path)));
  if (other !== undefined) {
    throw new TypeError(
      `checkUnique: options.paths has ${show(other)}, but no unique index of ${model.modelName} is on it; ` +
        `allowed are ${[...new Set(indexed)].join(', ')}.`,
    );
  }
}
