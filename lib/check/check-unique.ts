import { captureFrames } from '../convert/stack';
import {
  addErrors,
  makeValidationError,
  type UniqueValidationError,
} from '../convert/validation-error';
import {
  findDocumentSession,
  findSession,
  isSubdocument,
  type AnyDocument,
  type AnyModel,
} from '../mongoose-internals';
import { isObject } from '../options/is-object';
import { show } from '../options/show';
import { findDocumentKeys } from '../schema/index-keys';
import { isAtOrBelow, isRelated, withoutPositions } from '../schema/path';
import { findUniqueIndexes, type UniqueIndex } from '../schema/unique-index';
import { toDocumentWrite } from '../write/document-write';
import { listGivenPaths } from '../write/given-paths';
import { rejectOperators, rejectUncast } from './check-input';
import { checkArguments, checkDocumentOptions, type CheckUniqueOptions } from './check-options';
import { toIndexErrorsOf } from './collect-all';
import { findViolations } from './find-violations';
import type { KnownDocument } from './known-document';
import { normalizerFor, toKnownDocument } from './known-write';

/** See {@link UniqueGuardStatics.checkUnique}. */
export async function checkUnique(
  this: AnyModel,
  input: unknown,
  options: CheckUniqueOptions = {},
): Promise<UniqueValidationError | null> {
  checkArguments(this, input, options);
  const { exclude, paths, session } = options;
  const excluded = exclude === undefined ? undefined : toExcluded(this, exclude);
  const document = new this(input) as unknown as AnyDocument;
  const given = listGivenPaths(document);
  const hasValue = (path: string) =>
    findDocumentKeys({ [path]: 1 }, document.toBSON())
      .flat()
      .some(({ isFound }) => isFound);
  const isGiven = (path: string) =>
    given.some((one) => isAtOrBelow(path, withoutPositions(one))) && hasValue(path);
  const limit = typeof paths === 'string' ? [paths] : paths;
  const requested = findUniqueIndexes(document.constructor).filter(({ name, keyPattern }) => {
    // An _id that the model generated is new.
    if (name === '_id_' && !Object.hasOwn(input as object, '_id')) return false;
    const isRequested = (path: string) => limit?.some((one) => isRelated(path, one)) ?? true;
    return Object.keys(keyPattern).some(isRequested);
  });
  // For all requested indexes: a value that was not cast must not be reported as unused.
  rejectOperators(requested, input);
  rejectUncast(document, requested);
  const indexes = limit
    ? requested.filter(({ keyPattern }) => Object.keys(keyPattern).every(isGiven))
    : requested;
  return check(document, indexes, excluded, session);
}

/** See {@link UniqueGuardMethods.checkUnique}. */
export async function checkUniqueDocument(
  this: unknown,
  options: Pick<CheckUniqueOptions, 'session'> = {},
): Promise<UniqueValidationError | null> {
  checkDocumentOptions(options);
  const document = this as AnyDocument;
  if (isSubdocument(document)) {
    throw new TypeError(
      'checkUnique: this is a subdocument; call checkUnique() on its top-level document.',
    );
  }
  const session = options.session === undefined ? findDocumentSession(document) : options.session;
  const indexes = findUniqueIndexes(document.constructor);
  rejectUncast(document, indexes);
  return check(document, indexes, undefined, session ?? undefined);
}

async function check(
  document: AnyDocument,
  indexes: UniqueIndex[],
  excluded: KnownDocument['excluded'],
  session: CheckUniqueOptions['session'],
): Promise<UniqueValidationError | null> {
  const model = document.constructor;
  const write = toDocumentWrite(document);
  const known = toKnownDocument(model, write);
  const compared = excluded === undefined ? known : { ...known, excluded };
  const options = { session: findSession(model, session) };
  const violations = await findViolations(model, compared, indexes, options);
  const [first, ...others] = toIndexErrorsOf(model, write, violations);
  if (first === undefined) return null;
  const error = makeValidationError(model, first, undefined, captureFrames());
  for (const { validatorErrors } of others) addErrors(error, validatorErrors);
  return error;
}

/** The `_id` to exclude, cast to the type in the schema. It is compared here and never sent. */
function toExcluded(model: AnyModel, exclude: unknown): { _id: unknown } {
  const isDocument = isObject(exclude) && '_id' in exclude;
  const given = isDocument ? exclude['_id'] : exclude;
  try {
    const _id: unknown = model.schema.path('_id').cast(given, undefined as never, true);
    return normalizerFor(model)({ _id }) as { _id: unknown };
  } catch (cause) {
    throw new TypeError(
      `checkUnique: exclude is ${show(given)}; it must be an _id of ${model.modelName}, or a document ` +
        'that has one.',
      { cause },
    );
  }
}
