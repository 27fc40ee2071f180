/** Converts a ValidationError to the body of an HTTP response: RFC 9457, Problem Details. */
import { STATUS_CODES } from 'node:http';
import { isUniqueValidationError } from '../convert/validation-error';
import { isObject } from '../options/is-object';
import { checkRules, integerRule, STRING_RULE, type Rules } from '../options/rules';
import { isValidationError, listProblems, type ProblemDetailsEntry } from './list-problems';

/** Options of `toProblemDetails(error, options)`. */
export interface ProblemDetailsOptions {
  /** A URI reference that identifies the problem type. Default: `'about:blank'`. */
  type?: string;
  /** A short summary of the problem type. Default: HTTP's phrase for the status, such as `'Conflict'`. */
  title?: string;
  /** A URI reference that identifies this occurrence, such as `request.url`. Default: none. */
  instance?: string;
  /** The HTTP status, from 400 to 599. Default: 409 if every error is of a unique index, else 422. */
  status?: number;
}

/** What `toProblemDetails` returns: the members of RFC 9457, and one entry per invalid path. */
export interface ProblemDetails {
  /** Identifies the problem type. */
  type: string;
  /** A short summary of the problem type. */
  title: string;
  /** The HTTP status of the response. */
  status: number;
  /** The messages of the errors, at most five. */
  detail: string;
  /** Identifies this occurrence. Unset without the option. */
  instance?: string;
  /** One entry for each invalid path. */
  errors: ProblemDetailsEntry[];
}

const RULES: Rules = {
  type: STRING_RULE,
  title: STRING_RULE,
  instance: STRING_RULE,
  status: integerRule(400, 599),
};

/** `detail` is one line for a log or a notification; `errors` has every message. */
const MAX_MESSAGES = 5;

/**
 * Converts a ValidationError, of this plugin or of Mongoose itself, to a problem details object (RFC 9457).
 * Send it with its `status` as `application/problem+json`. Each entry of `errors` has the configured message,
 * a JSON pointer into the request body and Mongoose's `kind`. For an error of `insertMany` the pointers start
 * with the row: `#/17/email`.
 *
 * The object contains no value, index or model, unless a configured message does. The default message of a
 * failed cast, which contains the value, is replaced. No round trip.
 *
 * @param error anything that was thrown
 * @param options see {@link ProblemDetailsOptions}
 * @returns the object, or undefined if the error is not a ValidationError: pass the error on
 * @throws TypeError if an option is invalid
 *
 * @example
 * app.use((error, request, response, next) => {
 *   const problem = toProblemDetails(error);
 *   if (!problem) return next(error);
 *   response.status(problem.status).type('application/problem+json').json(problem);
 * });
 */
export function toProblemDetails(
  error: unknown,
  options: ProblemDetailsOptions = {},
): ProblemDetails | undefined {
  checkRules('toProblemDetails: options', options, RULES);
  if (!isValidationError(error)) return undefined;
  const { type = 'about:blank', instance } = options;
  const errors = listProblems(error);
  const status = options.status ?? (isConflict(error, errors) ? 409 : 422);
  const title = options.title ?? STATUS_CODES[status] ?? `HTTP status ${status}`;
  const detail = toDetail(errors);
  return { type, title, status, detail, ...(instance !== undefined && { instance }), errors };
}

/** The option `kind` may rename the plugin's errors. Rows of insertMany may have other errors as well. */
function isConflict(error: object, problems: ProblemDetailsEntry[]): boolean {
  const isRows = isObject(error) && Array.isArray(error['validationErrors']);
  if (isUniqueValidationError(error) && !isRows) return true;
  return problems.length > 0 && problems.every(({ kind }) => kind === 'unique');
}

function toDetail(problems: ProblemDetailsEntry[]): string {
  const messages = [...new Set(problems.map(({ detail }) => detail))];
  const more = messages.length > MAX_MESSAGES ? ['…'] : [];
  return [...messages.slice(0, MAX_MESSAGES), ...more].join(' ');
}
