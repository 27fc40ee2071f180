/**
 * What happens where a version of Mongoose does not have an undocumented member that the package uses:
 * each is taken away or renamed, one at a time. Nothing wrong is stored, no option is lost silently, no
 * hidden value is shown, and a duplicate stays an error of its write.
 */
import path from 'node:path';
import { Schema } from 'mongoose';
import type { SaveOrUpsertOptions } from 'mongoose-unique-guard';
import * as internals from '../lib/mongoose-internals';
import { modelFactory } from './support/compile';
import { watchCommands } from './support/commands';
import { useDatabase } from './support/database';
import { rejection, type AnyModel, type Doc } from './support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);

const email = { type: String, unique: true };

/** A path whose setter may read the document, so that one is made. */
const emailByDocument = { ...email, set: (value: unknown) => value };

/** Puts another value in a member's place, and gives the way back. */
function replace(object: object, member: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(object, member);
  Object.defineProperty(object, member, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(object, member, own);
    else Reflect.deleteProperty(object, member);
  };
}

/** The methods of Mongoose's arrays, of the copy that this run uses. */
const arrayMethods = jest.requireActual<object>(
  path.join(path.dirname(require.resolve('mongoose')), 'lib/types/array/methods/index.js'),
);

interface Case {
  schema: () => Schema;
  /** Takes the member away from the compiled model, and gives the way back. */
  remove: (model: AnyModel) => () => void;
  options?: SaveOrUpsertOptions;
  /** What the error names. */
  names: RegExp;
  /** The calls that use the member. Default: both. */
  only?: 'saveOrUpsert' | 'saveOrUpsertMany';
}

/** Of the queries that the model makes from here on. */
function onQueries(model: AnyModel, change: (query: Record<string, unknown>) => void): () => void {
  const make = model.findOneAndUpdate.bind(model) as unknown as (...args: unknown[]) => Doc;
  return replace(model, 'findOneAndUpdate', (...args: unknown[]) => {
    const query = make(...args);
    change(query);
    return query;
  });
}

const withPush = () => {
  const schema = new Schema({ email, tags: [String] });
  schema.pre('save', function (this: { tags: string[] }) {
    this.tags.push('changed');
  } as never);
  return schema;
};

const REJECTS: Record<string, Case> = {
  'query.mongooseCollection is missing': {
    schema: () => new Schema({ email }),
    remove: (model) => onQueries(model, (query) => delete query['mongooseCollection']),
    names: /no mongooseCollection on queries/,
    only: 'saveOrUpsert',
  },
  'query.mongooseCollection is another object': {
    schema: () => new Schema({ email }),
    remove: (model) => onQueries(model, (query) => (query['mongooseCollection'] = {})),
    names: /no mongooseCollection on queries/,
    only: 'saveOrUpsert',
  },
  'a query reads its collection elsewhere': {
    schema: () => new Schema({ email }),
    remove: (model) => {
      const { Query } = model as unknown as { Query: { prototype: object } };
      const prototype = Object.getPrototypeOf(Query.prototype) as Record<string, unknown>;
      const send = prototype['_findOneAndUpdate'] as (this: object) => unknown;
      return replace(prototype, '_findOneAndUpdate', function (this: object) {
        Object.assign(this, { mongooseCollection: model.collection });
        return send.call(this);
      });
    },
    names: /hint|index/,
    only: 'saveOrUpsert',
  },
  'query._queryMiddleware is missing, and middleware is to be skipped': {
    schema: () => new Schema({ email }),
    remove: (model) => onQueries(model, (query) => (query['_queryMiddleware'] = undefined)),
    options: { middleware: { post: false } },
    names: /no _queryMiddleware on queries/,
    only: 'saveOrUpsert',
  },
  'query._castUpdate is missing': {
    schema: () => new Schema({ email, n: Number }),
    remove: (model) => onQueries(model, (query) => (query['_castUpdate'] = undefined)),
    options: { onConflict: { $inc: { n: '1' } } },
    names: /no _castUpdate\(\) or validate\(\) on queries/,
    only: 'saveOrUpsertMany',
  },
  'query.validate is missing': {
    schema: () => new Schema({ email, n: Number }),
    remove: (model) => onQueries(model, (query) => (query['validate'] = undefined)),
    options: { onConflict: { $inc: { n: '1' } } },
    names: /no _castUpdate\(\) or validate\(\) on queries/,
    only: 'saveOrUpsertMany',
  },
  '$__getAtomics of arrays is missing': {
    schema: withPush,
    remove: () => replace(arrayMethods, '$__getAtomics', undefined),
    names: /no \$__getAtomics\(\) on arrays/,
  },
  'initializeTimestamps is missing': {
    schema: () => new Schema({ email: emailByDocument }, { timestamps: true }),
    remove: (model) => replace(model.prototype as object, 'initializeTimestamps', undefined),
    names: /no initializeTimestamps\(\), so the timestamps cannot be set/,
  },
  'directModifiedPaths is missing': {
    schema: () => new Schema({ email: emailByDocument }),
    remove: (model) => replace(model.prototype as object, 'directModifiedPaths', undefined),
    names: /no directModifiedPaths\(\) or \$isDefault\(\)/,
  },
  '$isDefault is missing': {
    schema: () => new Schema({ email: emailByDocument }),
    remove: (model) => replace(model.prototype as object, '$isDefault', undefined),
    names: /no directModifiedPaths\(\) or \$isDefault\(\)/,
  },
  'schema.s.hooks is missing': {
    schema: withPush,
    remove: (model) => replace((model.schema as unknown as { s: object }).s, 'hooks', undefined),
    names: /no way to run pre\('save'\) middleware.*middleware: false/,
  },
  'schema.s.hooks has no lists and no methods': {
    schema: withPush,
    remove: (model) => replace((model.schema as unknown as { s: object }).s, 'hooks', {}),
    names: /no way to run pre\('save'\) middleware/,
  },
  'schema.plugins is missing': {
    schema: () => new Schema({ email }),
    remove: (model) => replace(model.schema, 'plugins', undefined),
    names: /no list of plugins with their options/,
  },
  'schema.plugins has entries in another form': {
    schema: () => new Schema({ email }),
    remove: (model) => {
      const { plugins } = model.schema as unknown as { plugins: Doc[] };
      return replace(
        model.schema,
        'plugins',
        plugins.map(({ fn, opts }) => ({ fn, options: opts as unknown })),
      );
    },
    names: /no list of plugins with their options/,
  },
  'transactionAsyncLocalStorage is missing, and an app has set it': {
    schema: () => new Schema({ email }),
    remove: () => {
      const back = replace(mongoose, 'transactionAsyncLocalStorage', undefined);
      const { options } = mongoose as unknown as { options: object };
      const backOption = replace(options, 'transactionAsyncLocalStorage', true);
      return () => {
        backOption();
        back();
      };
    },
    names: /no transactionAsyncLocalStorage, so the surrounding transaction is not known/,
  },
};

const CALLS = {
  saveOrUpsert: (model: AnyModel, input: object, options: SaveOrUpsertOptions) =>
    model.saveOrUpsert(input, options),
  saveOrUpsertMany: async (model: AnyModel, input: object, options: SaveOrUpsertOptions) => {
    const { results } = await model.saveOrUpsertMany([input], options);
    throw (results[0] as { error: Error }).error;
  },
};

const TABLE = Object.entries(REJECTS).flatMap(([title, one]) =>
  (['saveOrUpsert', 'saveOrUpsertMany'] as const)
    .filter((call) => (one.only ?? call) === call)
    .map((call) => [title, call, one] as const),
);

describe.each(TABLE)('where %s', (_, call, { schema, remove, options = {}, names }) => {
  it.each([
    ['no document exists', undefined],
    ['one exists', { email: 'a', tags: ['old'] }],
  ])(`${call} rejects, and nothing changes: %s`, async (_title, stored) => {
    const model = await compile(schema());
    if (stored) await model.collection.insertOne({ ...stored });
    const before = await model.collection.find().toArray();
    const putBack = remove(model);
    let error: unknown;
    try {
      error = await rejection(CALLS[call](model, { email: 'a' }, options));
    } finally {
      putBack();
    }
    expect((error as Error).message).toMatch(names);
    expect(await model.collection.find().toArray()).toEqual(before);
    // The call works again, so that it was the missing member that made it fail.
    const again = await model.saveOrUpsert({ email: 'a' }, options);
    expect(again.created).toBe(stored === undefined);
  });
});

describe('where the lists of middleware have other names, and its methods know them', () => {
  it.each(['saveOrUpsert', 'saveOrUpsertMany'] as const)(
    '%s runs all middleware, and that of errors replaces the error',
    async (call) => {
      const ran: string[] = [];
      const schema = withPush();
      schema.post('save', () => {
        ran.push('post');
      });
      schema.post('save', function (
        error: Error,
        _document: unknown,
        next: (error: Error) => void,
      ) {
        next(new Error('replaced', { cause: error }));
      } as never);
      schema.add({ name: { type: String, unique: true, sparse: true } });
      const model = await compile(schema, { conflictTarget: 'email' });
      await model.create({ email: 'taken', name: 'n' });
      ran.length = 0;
      const { s } = model.schema as unknown as { s: { hooks: object } };
      const renamed = Object.fromEntries(
        ['filter', 'execPre', 'execPost'].map((name) => [
          name,
          (s.hooks as Record<string, () => unknown>)[name]?.bind(s.hooks),
        ]),
      );
      const putBack = replace(s, 'hooks', renamed);
      try {
        await (call === 'saveOrUpsert'
          ? model.saveOrUpsert({ email: 'a' })
          : model.saveOrUpsertMany([{ email: 'a' }]));
        const error = await rejection(CALLS[call](model, { email: 'b', name: 'n' }, {}));
        expect(error).toMatchObject({ message: 'replaced', cause: { code: 11000 } });
      } finally {
        putBack();
      }
      expect(ran).toEqual(['post']);
      expect(await model.collection.findOne({ email: 'a' })).toMatchObject({ tags: ['changed'] });
    },
  );
});

it('where the middleware of errors swallows one, a call still rejects with it', async () => {
  const model = await compile(new Schema({ email, n: Number }));
  type ExecPost = (operation: string, ...others: unknown[]) => unknown;
  const { hooks } = (model.schema as unknown as { s: { hooks: { execPost: ExecPost } } }).s;
  const execPost = hooks.execPost.bind(hooks);
  const putBack = replace(hooks, 'execPost', ((operation, ...others) => {
    if (operation !== 'save') return execPost(operation, ...others);
    (others.at(-1) as () => void)();
    return undefined;
  }) satisfies ExecPost);
  try {
    for (const call of [CALLS.saveOrUpsert, CALLS.saveOrUpsertMany]) {
      const error = await rejection(call(model, { email: 'a', n: 'no number' }, {}));
      expect(error).toMatchObject({ errors: { n: { kind: 'Number' } } });
    }
  } finally {
    putBack();
  }
});

describe('where discriminatorMapping is missing', () => {
  it.each(['saveOrUpsert', 'saveOrUpsertMany'] as const)(
    '%s of a discriminator or its base rejects before anything is sent',
    async (call) => {
      const Base = await compile(new Schema({ email }));
      const Kind = Base.discriminator(
        `Kind${call}`,
        new Schema({ n: Number }),
      ) as unknown as typeof Base;
      await Base.collection.insertOne({ email: 'a', n: 1 });
      const commands = watchCommands(mongoose);
      for (const model of [Kind, Base]) {
        const putBack = replace(model.schema, 'discriminatorMapping', undefined);
        const error = await rejection(CALLS[call](model, { email: 'a' }, {}));
        putBack();
        expect((error as Error).message).toMatch(/no discriminator mapping/);
      }
      expect(commands.take()).toEqual([]);
    },
  );
});

describe('the error of a duplicate', () => {
  const hidden = (): Promise<AnyModel> =>
    compile(new Schema({ email, name: String }), { hideValues: ['email'], collectAll: true });

  it.each<[string, (schema: object) => unknown]>([
    ['is missing', () => undefined],
    ['is a Map', () => new Map()],
    ['has entries of another form', () => [{ plugin: {}, options: {} }]],
  ])('shows no value where schema.plugins %s: the options are not known', async (_, toOther) => {
    const User = await hidden();
    await User.create({ email: 'secret' });
    const putBack = replace(User.schema, 'plugins', toOther(User.schema));
    const error = (await rejection(User.create({ email: 'secret' }))) as Doc;
    const raw = User.collection.insertOne({ email: 'secret' });
    putBack();
    expect(error).toMatchObject({ code: 11000, errors: { email: { kind: 'unique' } } });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(String(error['message'])).not.toContain('secret');
    await expect(raw).rejects.toThrow('E11000');
  });

  it.each<[string, (document: Record<string, unknown>) => void]>([
    ['$session', (document) => (document['$session'] = undefined)],
    [
      '$__.saveOptions',
      (document) => (document['$__'] = { ...(document['$__'] as object), saveOptions: undefined }),
    ],
    ['directModifiedPaths', (document) => (document['directModifiedPaths'] = undefined)],
    ['toBSON', (document) => (document['toBSON'] = undefined)],
    ['_doc', (document) => (document['_doc'] = undefined)],
  ])('is one of the field where %s is missing inside the hook', async (_, remove) => {
    const schema = new Schema({ email });
    schema.post('save', { errorHandler: true }, function (
      this: unknown,
      error: Error,
      _result: unknown,
      next: (error: Error) => void,
    ) {
      remove(this as Record<string, unknown>);
      next(error);
    } as never);
    const User = await compile(schema, { collectAll: true });
    await User.create({ email: 'a' });
    const error = await rejection(new User({ email: 'a' }).save());
    expect(error).toMatchObject({ errors: { email: { kind: 'unique', value: 'a' } } });
  });
});

describe('each function without its member', () => {
  const none = {} as never;
  class WithoutLists {
    Schema = Schema;
    model = () => ({ schema: {} });
  }
  it.each<[string, () => unknown, unknown]>([
    ['findKind', () => internals.findKind(none), undefined],
    [
      'findKind of another form',
      () => internals.findKind({ discriminatorMapping: {} } as never),
      undefined,
    ],
    ['findElementType', () => internals.findElementType(none), undefined],
    ['findEmbeddedSchemas', () => internals.findEmbeddedSchemas(none), undefined],
    ['isMongooseDocument', () => internals.isMongooseDocument(none), false],
    ['isSubdocument', () => internals.isSubdocument(none), false],
    ['findStoredValues', () => internals.findStoredValues(none), undefined],
    ['listElements', () => internals.listElements(none).size, 0],
    ['listReached', () => internals.listReached(none).length, 1],
    [
      'forgetErrors',
      () => {
        internals.forgetErrors(none);
      },
      undefined,
    ],
    ['findSaveOptions', () => internals.findSaveOptions(none), undefined],
    ['findProjection', () => internals.findProjection(none), undefined],
    ['findDocumentSession', () => internals.findDocumentSession(none), undefined],
    ['findMiddleware', () => internals.findMiddleware(none, 'pre', 'save'), undefined],
    ['isSkippedByMiddleware', () => internals.isSkippedByMiddleware(new Error('other')), false],
    [
      'isOfGlobalPlugin without plugins of Mongoose',
      () => internals.isOfGlobalPlugin({ base: {} } as never, {}),
      false,
    ],
    [
      'isOfGlobalPlugin with entries of another form',
      () => internals.isOfGlobalPlugin({ base: { plugins: [{}] } } as never, {}),
      false,
    ],
    ['listCompiledModels without a base', () => internals.listCompiledModels(none).length, 0],
    [
      'listCompiledModels without connections',
      () => internals.listCompiledModels({ base: {} } as never).length,
      0,
    ],
    [
      'findElementType of a Map without $__schemaType',
      () => internals.findElementType({ instance: 'Map' }),
      undefined,
    ],
    ['findDiscriminatorSchemas', () => internals.findDiscriminatorSchemas(none).length, 0],
    ...[undefined, {}, { topology: {} }, { topology: { description: {} } }].map(
      (client): [string, () => unknown, unknown] => [
        `findWireVersion of the client ${JSON.stringify(client)}`,
        () => internals.findWireVersion({ db: { getClient: () => client } } as never),
        0,
      ],
    ),
    ['findParentConnection', () => internals.findParentConnection(none), undefined],
    [
      'isBuiltIn where a new Mongoose has no lists of middleware',
      () => internals.isBuiltIn({ base: { Mongoose: WithoutLists } } as never, { fn: () => 1 }),
      false,
    ],
    ['findOperation', () => internals.findOperation(none), undefined],
  ])('%s answers what is safe', (_, call, expected) => {
    expect(call()).toBe(expected);
  });

  it('preventInit: models without $init and without the methods build nothing', async () => {
    const Model: Record<string, unknown> = { schema: { emit: jest.fn() } };
    internals.preventInit({ Model } as never);
    const init = (Model['init'] as () => Promise<unknown>).bind(Model);
    expect(await init()).toBe(Model);
    expect(init()).toBe(init());
    for (const name of [
      'createCollection',
      'createIndexes',
      'createSearchIndexes',
      'ensureIndexes',
      'syncIndexes',
    ]) {
      expect(await (Model[name] as () => Promise<unknown>)()).toBeUndefined();
    }
  });

  it('runPostSave without execPost() runs nothing, and keeps an error', async () => {
    const document = { constructor: { schema: {} } } as never;
    expect(await internals.runPostSave(document)).toBeUndefined();
    const error = new Error('refused');
    expect(await internals.runPostSave(document, error)).toEqual({ error });
  });

  it('findValidationError throws: a value that could not be cast would pass for a free one', () => {
    expect(() => internals.findValidationError(none)).toThrow('has no $__ on documents');
  });

  it('setTimestamps throws only where the schema has timestamps', () => {
    expect(() => {
      internals.setTimestamps([none], false);
    }).not.toThrow();
    expect(() => {
      internals.setTimestamps([none], true);
    }).toThrow('has no initializeTimestamps()');
  });
});

it('a document whose values are elsewhere is stored as toBSON() has it', async () => {
  const User = await compile(
    new Schema({ email: emailByDocument, n: { type: Number, default: 1 } }),
  );
  const find = jest.spyOn(internals, 'findStoredValues').mockReturnValue(undefined);
  await User.saveOrUpsert({ email: 'a' });
  expect(find).toHaveBeenCalled();
  find.mockRestore();
  expect(await User.collection.findOne()).toMatchObject({ email: 'a', n: 1 });
});
