/** Which values stay out of errors, and what stands in their place. */
import type { AnyModel, AnySchema, UniqueGuardOptions } from '../options';
import { schemasOf } from '../schema/unique-index';

const MESSAGE = 'E11000 duplicate key error (the value is hidden)';

/** By option, or because the schema itself leaves the path out of what it reads. */
export function isValueHidden(model: AnyModel, options: UniqueGuardOptions, path: string): boolean {
  const { hideValues = [] } = options;
  if (hideValues === true || hideValues.includes(path)) return true;
  return schemasOf(model).some((schema) => isUnselected(schema, path));
}

function isUnselected(schema: AnySchema, path: string): boolean {
  const segments = path.split('.');
  return segments.some((_, end) => {
    const prefix = segments.slice(0, end + 1).join('.');
    const type = schema.path(prefix) as { options?: { select?: unknown } } | undefined;
    return type?.options?.select === false;
  });
}

/** The driver's error without its text, its keyValue and the operation: they all hold the value. */
export function hideCause(cause: object): object {
  const { index, code, codeName, keyPattern } = cause as Record<string, unknown>;
  const kept = { index, code, codeName, keyPattern };
  if (!(cause instanceof Error)) return { ...kept, errmsg: MESSAGE };
  const copy = Object.create(Object.getPrototypeOf(cause) as object) as object;
  for (const [name, value] of Object.entries({
    ...kept,
    message: MESSAGE,
    stack: hideStack(cause),
  })) {
    Object.defineProperty(copy, name, {
      value,
      enumerable: name in kept && value !== undefined,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

/** For an error that has to stay the same object: its text alone is replaced. */
export function hideMessage(error: Error): void {
  const stack = hideStack(error);
  error.message = MESSAGE;
  error.stack = stack;
  // The driver keeps the server's answer there once more.
  if ('errorResponse' in error)
    Reflect.defineProperty(error, 'errorResponse', { enumerable: false });
}

function hideStack({ name, stack = '' }: Error): string {
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  return [`${name}: ${MESSAGE}`, ...frames].join('\n');
}
