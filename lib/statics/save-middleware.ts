/** Runs a schema's own pre('save') middleware on a document that is not saved by `save()`. */
import type { AnyModel } from '../options';

// What a document offers here; Mongoose's own type of "some document" is `any` throughout.
export interface SavableDocument {
  $isNew: boolean;
  toBSON(): Record<string, unknown>;
  directModifiedPaths(): string[];
  $isDefault(path: string): boolean;
  $session(session: unknown): unknown;
  $validate(): Promise<void>;
  set(path: string, value: unknown): unknown;
  get(path: string): unknown;
  initializeTimestamps?: () => unknown;
}

/** Mongoose's own, which the caller does in its own way; by name, as 8 does not mark all of them. */
const BUILT_IN = new Set(['validateBeforeSave', 'timestampsPreSave', 'trackTransactionPreSave']);

/** Kareem, Mongoose's middleware engine: 9 returns a promise, 8 calls back. `bulkSave` uses it so. */
interface Hooks {
  filter(keep: (hook: { fn: { name: string } }) => boolean): Hooks;
  execPre(
    name: 'save',
    document: unknown,
    args: unknown[],
    done: (error?: unknown) => void,
  ): unknown;
}

/**
 * Runs the middleware and tells whether it read `isNew`: then what it did holds for an insert alone.
 *
 * @throws what the middleware throws, or an Error where this Mongoose does not let it be run
 */
export async function runSaveMiddleware(
  model: AnyModel,
  document: SavableDocument,
  saveOptions: object,
): Promise<{ readIsNew: boolean }> {
  const { hooks } = (model.schema as unknown as { s?: { hooks?: Partial<Hooks> } }).s ?? {};
  if (typeof hooks?.filter !== 'function' || typeof hooks.execPre !== 'function') {
    throw new Error(
      "saveOrUpsert: this Mongoose does not let pre('save') middleware be run without save(), so " +
        'nothing was written. Call save(), or pass saveMiddleware: "skip" where none is needed.',
    );
  }
  const own = hooks.filter(({ fn }) => !BUILT_IN.has(fn.name));
  let readIsNew = false;
  Object.defineProperty(document, 'isNew', {
    configurable: true,
    get(this: SavableDocument) {
      readIsNew = true;
      return this.$isNew;
    },
    set(this: SavableDocument, value: boolean) {
      this.$isNew = value;
    },
  });
  try {
    await execPreSave(own, document, saveOptions);
  } finally {
    Reflect.deleteProperty(document, 'isNew');
  }
  return { readIsNew };
}

async function execPreSave(hooks: Hooks, document: unknown, saveOptions: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (error?: unknown): void => {
      if (error instanceof Error) reject(error);
      // Mongoose lets a middleware skip the write by throwing a marker that is no Error.
      else if (error) reject(new Error("saveOrUpsert: pre('save') middleware asked for no write"));
      else resolve();
    };
    const promise = hooks.execPre('save', document, [saveOptions], done);
    if (promise instanceof Promise)
      promise.then(() => {
        done();
      }, done);
  });
}
