import type { ClientSession } from 'mongoose';
import { isMongooseDocument, type AnyModel } from '../mongoose-internals';
import { checkRules, PATHS_RULE, SESSION_RULE, type Rules } from '../options/rules';
import { show } from '../options/show';
import { isRelated } from '../schema/path';
import { findUniqueIndexes } from '../schema/unique-index';

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

const DOCUMENT_RULES: Rules = { session: SESSION_RULE };

const RULES: Rules = {
  exclude: [(value) => value !== null, 'an _id or a document, or be left out'],
  paths: PATHS_RULE,
  ...DOCUMENT_RULES,
};

/** Throws a TypeError that says what was given and what to write instead; nothing was sent. */
export function checkCheckArguments(model: AnyModel, input: unknown, options: unknown): void {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!isObject || isMongooseDocument(input)) {
    const given = isObject ? 'a Mongoose document' : show(input);
    throw new TypeError(
      `checkUnique: the input is ${given}; it must be a plain object of the paths to check, such as ` +
        '{ email }. For a document there is document.checkUnique().',
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
      `checkUnique: no unique index of ${model.modelName} is on ${show(other)}; there are some on ` +
        `${[...new Set(indexed)].join(', ')}.`,
    );
  }
}
