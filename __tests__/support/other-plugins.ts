import autopopulate from 'mongoose-autopopulate';
import { mongooseLeanVirtuals } from 'mongoose-lean-virtuals';
import paginate from 'mongoose-paginate-v2';
import { version, type Schema } from 'mongoose';
import type { AnyModel } from './writes';

type Plugin = (schema: Schema) => void;

export interface OtherPlugin {
  name: string;
  /** One is an ES module, which is imported for each test file. */
  load: () => Promise<Plugin>;
  /** What its feature gives; the same with our plugin beside it. */
  feature: (model: AnyModel) => Promise<unknown>;
  expected: unknown;
}

/** What each plugin's users have it for. The model has one document, whose friend is itself. */
export const OTHER_PLUGINS: OtherPlugin[] = [
  {
    name: 'mongoose-lean-virtuals',
    load: () => Promise.resolve(mongooseLeanVirtuals as Plugin),
    feature: async (model) => {
      const lean = { virtuals: ['shout'] };
      const found = await model.find().lean(lean);
      const updated = await model.findOneAndUpdate({}, { name: 'A' }).lean(lean);
      return [...found, updated].map((doc) => (doc as { shout?: string }).shout);
    },
    expected: ['alice@x!', 'alice@x!'],
  },
  {
    name: 'mongoose-autopopulate',
    load: () => Promise.resolve(autopopulate as Plugin),
    feature: async (model) => {
      const found = await model.findOne();
      const saved = await found.set({ name: 'A' }).save();
      const updated = await model.findOneAndUpdate({}, { name: 'A' });
      return [found, saved, updated].map(({ friend }) => friend.email as string);
    },
    expected: ['alice@x', 'alice@x', 'alice@x'],
  },
  {
    name: 'mongoose-paginate-v2',
    load: () => Promise.resolve(paginate as Plugin),
    feature: async (model) => {
      const { docs, totalDocs, hasNextPage } = await (model as unknown as Paginated).paginate(
        {},
        { limit: 10 },
      );
      return [docs.map(({ email }) => email), totalDocs, hasNextPage];
    },
    expected: [['alice@x'], 1, false],
  },
  {
    name: 'mongoose-unique-validator',
    load: loadUniqueValidator,
    feature: (model) =>
      new model({ email: 'alice@x' })
        .validate()
        .catch(({ message }: Error) => message.split(': ').slice(1)),
    expected: ['email', 'alice@x is not unique'],
  },
];

interface Paginated {
  paginate: (
    filter: object,
    options: object,
  ) => Promise<{ docs: { email: string }[]; totalDocs: number; hasNextPage: boolean }>;
}

async function loadUniqueValidator(): Promise<Plugin> {
  const { default: uniqueValidator } = await import('mongoose-unique-validator');
  return (schema) => {
    uniqueValidator(schema, { message: '{VALUE} is not unique' });
  };
}

/** The writes that validate, so that mongoose-unique-validator asks before the index does. */
export const isValidating = (write: string): boolean =>
  // Mongoose 9 no longer validates in bulkSave.
  VALIDATING_WRITES.includes(write) || (version.startsWith('8.') && write.startsWith('bulkSave'));

const VALIDATING_WRITES = [
  'save of a new document',
  'save of a changed document',
  'create',
  'insertOne',
  'insertMany',
  'insertMany, unordered',
  'bulkWrite insertOne',
  'bulkWrite replaceOne',
];
