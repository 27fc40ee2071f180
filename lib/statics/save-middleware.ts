/** Runs validation and a schema's own pre('save') middleware on a document that `save()` does not save. */
import type { AnyModel } from '../options';

/** What a document offers here; Mongoose's own type of "some document" is `any` throughout. */
export interface SavableDocument {
  constructor: AnyModel;
  $__: { saveOptions?: object };
  $isNew: boolean;
  /** The values themselves, without getters. */
  _doc: Record<string, unknown>;
  toBSON(): Record<string, unknown>;
  directModifiedPaths(): string[];
  isModified(path: string): boolean;
  markModified(path: string): void;
  $isDefault(path: string): boolean;
  $session(session: unknown): unknown;
  $validate(): Promise<void>;
  set(path: string, value: unknown): unknown;
  get(path: string, type: null, options: { getters: false }): unknown;
  initializeTimestamps?: () => unknown;
}

/** Mongoose's own, which the caller does in its own way; by name, as 8 does not mark all of them. */
const BUILT_IN = new Set(['validateBeforeSave', 'timestampsPreSave', 'trackTransactionPreSave']);

/** Mongoose's own as well; they do nothing to a document whose subdocuments have no middleware. */
const NEUTRAL = new Set(['saveSubdocsPreSave', 'saveSubdocsPreDeleteOne', 'shardingPluginPreSave']);

/**
 * May validation or `pre('save')` change a document of this schema? Then it has to be compared with what
 * it was before, which takes longer than all the rest.
 */
export function hasMiddleware({ s, childSchemas }: MiddlewareSchema): boolean {
  const { _pres: pres, _posts: posts } = s?.hooks ?? {};
  if (!(pres instanceof Map) || !(posts instanceof Map)) return true;
  const isOwn = ({ fn }: { fn: { name: string } }) =>
    !BUILT_IN.has(fn.name) && !NEUTRAL.has(fn.name);
  return (
    [pres.get('validate'), posts.get('validate')].some((hooks) => hooks && hooks.length > 0) ||
    (pres.get('save') ?? []).some(isOwn) ||
    childSchemas.some(({ schema }) => hasMiddleware(schema))
  );
}

type HookLists = Map<string, { fn: { name: string } }[]>;

/** What is read here of a schema, which its types leave out. */
interface MiddlewareSchema {
  s?: { hooks?: Partial<Hooks> };
  childSchemas: { schema: MiddlewareSchema }[];
}

/** Kareem, Mongoose's middleware engine: 9 returns a promise, 8 calls back. `bulkSave` uses it so. */
interface Hooks {
  _pres: HookLists;
  _posts: HookLists;
  filter(keep: (hook: { fn: { name: string } }) => boolean): Hooks;
  execPre(
    name: 'save',
    document: unknown,
    args: unknown[],
    done: (error?: unknown) => void,
  ): unknown;
}

/**
 * Runs the middleware of the document's own schema, which a discriminator's is not its model's.
 *
 * @throws what the middleware throws, or an Error where this Mongoose does not let it be run
 */
export async function runSaveMiddleware(
  document: SavableDocument,
  saveOptions: object,
): Promise<void> {
  const { schema } = document.constructor as unknown as { schema: MiddlewareSchema };
  const hooks = schema.s?.hooks;
  if (typeof hooks?.filter !== 'function' || typeof hooks.execPre !== 'function') {
    throw new Error(
      "saveOrUpsert: this Mongoose does not let pre('save') middleware be run without save(), so " +
        'nothing was written. Call save(), or pass saveMiddleware: "skip" where none is needed.',
    );
  }
  const own = hooks.filter(({ fn }) => !BUILT_IN.has(fn.name));
  // Where the middleware of subdocuments finds them.
  document.$__.saveOptions = saveOptions;
  await new Promise<void>((resolve, reject) => {
    const done = (error?: unknown): void => {
      // Whatever middleware threw is the caller's, an Error or not.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      if (error) reject(isSkip(error) ? new Error(SKIPPED) : error);
      else resolve();
    };
    const promise = own.execPre('save', document, [saveOptions], done);
    if (promise instanceof Promise) {
      promise.then(() => {
        done();
      }, done);
    }
  });
}

const SKIPPED = "saveOrUpsert: pre('save') middleware asked for no write, so nothing was written.";

/** What `mongoose.skipMiddlewareFunction()` makes; it is no Error. */
function isSkip(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && error.constructor.name === 'skipWrappedFunction'
  );
}

/** Does middleware or a validator ask whether the document is new? Mongoose itself asks `$isNew`. */
export function watchIsNew(document: SavableDocument): { stop: () => boolean } {
  let wasRead = false;
  Object.defineProperty(document, 'isNew', {
    configurable: true,
    get(this: SavableDocument) {
      wasRead = true;
      return this.$isNew;
    },
    set(this: SavableDocument, value: boolean) {
      this.$isNew = value;
    },
  });
  return {
    stop: () => {
      Reflect.deleteProperty(document, 'isNew');
      return wasRead;
    },
  };
}
