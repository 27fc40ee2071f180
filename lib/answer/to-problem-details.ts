/** From a ValidationError of Mongoose to the body of an HTTP response: RFC 9457, Problem Details. */
import { STATUS_CODES } from 'node:http';
import { isUniqueValidationError } from '../convert/validation-error';
import { isObject } from '../options/is-object';
import { checkRules, integerRule, STRING_RULE, type Rules } from '../options/rules';
import { isValidationError, listProblems, type ProblemDetailsEntry } from './list-problems';

/** Options of `toProblemDetails(error, options)`. */
export interface ProblemDetailsOptions {
  /** The URI reference of the problem type. Default: `'about:blank'`. */
  type?: string;
  /** The summary of the problem type. Default: HTTP's phrase for the status, such as `'Conflict'`. */
  title?: string;
  /** The URI reference of this occurrence, such as `request.url`. Default: none. */
  instance?: string;
  /** The HTTP status, from 400 to 599. Default: 409 when every error is a unique violation, else 422. */
  status?: number;
}

/** What `toProblemDetails` returns: the members of RFC 9457, and one entry per invalid path. */
export interface ProblemDetails {
  /** The URI reference of the problem type. */
  type: string;
  /** The summary of the problem type. */
  title: string;
  /** The HTTP status to answer with. */
  status: number;
  /** The messages of the errors, at most five of them. */
  detail: string;
  /** The URI reference of this occurrence, where the option says one. */
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

/** `detail` is one line for a log or a toast; `errors` has them all. */
const MAX_MESSAGES = 5;

/**
 * Turns a ValidationError of Mongoose, of this plugin or not, into the problem details object of RFC
 * 9457: send it with its `status` as `application/problem+json`. Each entry of `errors` has the
 * configured message, a JSON pointer into the request body and Mongoose's `kind`. It exposes no value,
 * no index and no model, unless a configured message does; the default message of a failed cast, which
 * quotes the value, is replaced by one without it. For an error of `insertMany` the pointers start with
 * the row: `#/17/email`.
 *
 * @param error anything that was thrown
 * @param options see {@link ProblemDetailsOptions}
 * @returns the object, or undefined for anything but a ValidationError: pass that on. No round trip.
 * @throws TypeError where an option is wrong
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

/** The plugin's own errors may have another kind; a row of insertMany may be invalid otherwise. */
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
