/** Checks options against rules, with an error that says what is allowed. */
import type { ClientSession } from 'mongoose';
import { isObject } from './is-object';
import { findNearest } from './nearest';
import { show } from './show';

export const isNonEmptyString = (value: unknown): boolean =>
  typeof value === 'string' && value !== '';
export const isStringList = (value: unknown): boolean =>
  Array.isArray(value) && value.every(isNonEmptyString);

/** A check of one option, and what is allowed, in words. */
export type Rule = [check: (value: unknown) => boolean, allowed: string];

/** The rules by option name. */
export type Rules = Record<string, Rule>;

const isPaths = (value: unknown): boolean =>
  isNonEmptyString(value) || (isStringList(value) && (value as unknown[]).length > 0);

export const PATHS_RULE: Rule = [isPaths, 'a path or a list of paths'];

export const CONFLICT_TARGET_RULE: Rule = [
  isPaths,
  'a path, a list of paths or the name of a unique index',
];

export const BOOLEAN_RULE: Rule = [(value) => typeof value === 'boolean', 'true or false'];

export const STRING_RULE: Rule = [isNonEmptyString, 'a string that is not empty'];

export const FUNCTION_RULE: Rule = [(value) => typeof value === 'function', 'a function'];

export function integerRule(from: number, to: number): Rule {
  const isInside = (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= from && (value as number) <= to;
  return [isInside, `a whole number from ${from} to ${to}`];
}

/** By structure: the driver may be another copy. */
export const SESSION_RULE: Rule = [
  (value) =>
    value === null || typeof (value as Partial<ClientSession>).inTransaction === 'function',
  'a session from mongoose.startSession(), or null',
];

/** @throws TypeError that names the option, the given value and what is allowed. Undefined counts as unset. */
export function checkRules(what: string, given: unknown, rules: Rules): void {
  const allowed = () => Object.keys(rules).join(', ');
  if (!isObject(given) || Array.isArray(given)) {
    throw new TypeError(
      `${what} is ${show(given)}; it must be an object with any of ${allowed()}.`,
    );
  }
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) {
      const nearest = findNearest(name, Object.keys(rules));
      const advice = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
      throw new TypeError(`${what} has no ${show(name)}; allowed are ${allowed()}.${advice}`);
    }
    const [check, kind] = rule;
    if (value !== undefined && !check(value)) {
      throw new TypeError(`${what}.${name} is ${show(value)}; it must be ${kind}.`);
    }
  }
}
