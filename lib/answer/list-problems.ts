/** Lists the invalid paths of a ValidationError; for insertMany, those of all rows that were not stored. */
import { isUniqueValidationError } from '../convert/validation-error';
import { isObject } from '../options/is-object';
import { toPointer } from './to-pointer';

/** One invalid path in the `errors` of problem details. */
export interface ProblemDetailsEntry {
  /** The message of the error, as configured. */
  detail: string;
  /** The position in the request body: a JSON pointer as a URI fragment, such as `#/contacts/1/email`. */
  pointer: string;
  /**
   * Mongoose's kind: `unique`, `required`, `min`, …; for a failed cast the type, such as `Number`. `write`
   * for a row of insertMany that the server refused for a reason other than a unique index.
   */
  kind: string;
}

/** The error of one path: a ValidatorError, a CastError, or what a validator threw. */
interface PathError {
  message: string;
  name?: string;
  kind?: string;
}

interface ValidationErrorLike {
  errors: Record<string, PathError>;
}

/** By structure, because two copies of Mongoose are common. The `errors` of other libraries are arrays. */
export function isValidationError(error: unknown): error is ValidationErrorLike {
  if (!isObject(error) || error['name'] !== 'ValidationError') return false;
  const { errors } = error;
  const isMessage = (one: unknown) => isObject(one) && typeof one['message'] === 'string';
  return isObject(errors) && !Array.isArray(errors) && Object.values(errors).every(isMessage);
}

/** For an error of insertMany, in the order of the rows. */
export function listProblems(error: ValidationErrorLike): ProblemDetailsEntry[] {
  if (!isUniqueValidationError(error) || error.validationErrors === undefined) {
    return listPaths(error, '');
  }
  const rows = new Map<number, ProblemDetailsEntry[]>();
  const add = (row: number, problems: ProblemDetailsEntry[]) => {
    if (!rows.has(row)) rows.set(row, problems);
  };
  for (const one of error.validationErrors) {
    const row = one.index as number;
    add(row, listPaths(one, `${row}.`));
  }
  // Rows that failed Mongoose's validation. insertMany does not reject for those.
  for (const [row, one] of (error.results ?? []).entries()) {
    if (isValidationError(one)) add(row, listPaths(one, `${row}.`));
  }
  // Some driver versions have a single write error instead of an array.
  for (const { index } of [error.writeErrors ?? []].flat() as { index: number }[]) {
    const pointer = toPointer(String(index));
    add(index, [{ detail: 'This row could not be stored.', pointer, kind: 'write' }]);
  }
  return [...rows].sort(([one], [other]) => one - other).flatMap(([, problems]) => problems);
}

function listPaths({ errors }: ValidationErrorLike, prefix: string): ProblemDetailsEntry[] {
  return Object.entries(errors).map(([path, { message, kind, name = 'Error' }]) => ({
    detail: toDetail(path, message, kind),
    pointer: toPointer(prefix + path),
    kind: kind ?? name,
  }));
}

/** Replaces Mongoose's default message of a failed cast, which contains the value and the model's name. */
function toDetail(path: string, message: string, kind: string | undefined): string {
  const isDefault = kind !== undefined && message.startsWith(`Cast to ${kind} failed for value `);
  return isDefault ? `Path \`${path}\` is not a valid ${kind}.` : message;
}
