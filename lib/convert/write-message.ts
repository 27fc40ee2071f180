/** Chooses the message of a violation and fills it. */
import type { AnyModel } from '../mongoose-internals';
import type {
  MessageContext,
  UniqueGuardOptions,
  UniqueIndexOptions,
} from '../options/plugin-options';
import { findPathTypes } from '../schema/find-path-types';
import { schemasOf } from '../schema/unique-index';

/**
 * The message for one path: the first message that is set, from the most specific to the default.
 *
 * @throws what a message function throws, and TypeError if it does not return a string
 */
export function toMessage(
  context: MessageContext,
  indexPaths: string[],
  options: UniqueGuardOptions,
  indexOptions: UniqueIndexOptions,
): string {
  const message =
    findPathMessage(context.model, indexPaths) ??
    indexOptions.message ??
    options.message ??
    findGeneralMessage(context.model) ??
    defaultMessage;
  if (typeof message === 'string') return fillTemplate(message, context);
  const text: unknown = message(context);
  if (typeof text === 'string') return text;
  throw new TypeError(
    `uniqueGuard: a message function returned ${typeof text}; it must return a string.`,
  );
}

/** Mongoose's `unique: [true, 'Email already in use']`. It applies to the index on that path alone. */
function findPathMessage(model: AnyModel, indexPaths: string[]): string | undefined {
  const [indexPath, ...others] = indexPaths;
  if (indexPath === undefined || others.length > 0) return undefined;
  for (const schema of schemasOf(model)) {
    for (const { options } of findPathTypes(schema, indexPath).at) {
      const unique = options?.unique;
      if (Array.isArray(unique) && typeof unique[1] === 'string') return unique[1];
    }
  }
  return undefined;
}

/** `mongoose.Error.messages.general.unique`, if an app has set it. */
function findGeneralMessage(model: AnyModel): UniqueGuardOptions['message'] {
  const { general } = model.base.Error.messages as { general?: Record<string, unknown> };
  const message = general?.['unique'];
  if (typeof message === 'string') return message;
  return typeof message === 'function'
    ? (message as (context: MessageContext) => string)
    : undefined;
}

function defaultMessage({ path, paths }: MessageContext): string {
  const quoted = paths.map((one) => `\`${one}\``).join(', ');
  return paths.length > 1
    ? `Paths ${quoted} must be unique together.`
    : `Path \`${path}\` must be unique.`;
}

/** Fills the template in one pass: placeholders inside a filled-in value stay as they are. */
function fillTemplate(template: string, context: MessageContext): string {
  const { path, paths, value, kind, index } = context;
  const fill = new Map([
    ['PATH', () => path],
    ['PATHS', () => paths.join(', ')],
    ['VALUE', () => toText(value)],
    ['KIND', () => kind],
    ['INDEX', () => index ?? ''],
  ]);
  return template.replace(
    /\{([A-Z]+)\}/g,
    (placeholder, name: string) => fill.get(name)?.() ?? placeholder,
  );
}

function toText(value: unknown): string {
  // Unknown, or hidden.
  if (value === undefined) return '';
  if (value === null) return 'null';
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  const { toString } = value as { toString?: unknown };
  const hasText = typeof toString === 'function' && toString !== Object.prototype.toString;
  // A string of its own: a number, an ObjectId, Decimal128, Buffer and the like.
  return hasText && !Array.isArray(value) && !(value instanceof Map)
    ? (toString as () => string).call(value)
    : JSON.stringify(value, toPlain);
}

/** JSON has no bigint and no Map. */
function toPlain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Map ? Object.fromEntries(value) : value;
}
