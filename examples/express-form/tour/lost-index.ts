import { explainUniqueIndexError, formatAudit } from 'mongoose-unique-guard';
import type { TourModels } from './models';

export interface LostIndex {
  step: 'whole' | 'duplicates' | 'missing';
  report: string;
}

const email = 'eve@example.org';

/** One index that goes missing, lets duplicates in, and the way back. */
export function createLostIndex({ Contact }: TourModels) {
  return {
    look: async (): Promise<LostIndex> => {
      const audit = await Contact.auditUniqueIndexes();
      const isBlocked = audit.indexes.some(({ blocking }) => (blocking?.keys ?? 0) > 0);
      const step = audit.ok ? 'whole' : isBlocked ? 'duplicates' : 'missing';
      return { step, report: formatAudit(audit) };
    },

    lose: async (): Promise<void> => {
      const indexes = await Contact.collection.indexes();
      if (indexes.some(({ name }) => name === 'email_1'))
        await Contact.collection.dropIndex('email_1');
      await Contact.collection.insertMany([
        { email, name: 'Eve' },
        { email, name: 'Eve, once more' },
      ]);
    },

    /** Why it cannot be built, undefined where it was. */
    build: async (): Promise<string | undefined> => {
      try {
        await Contact.createIndexes();
        return undefined;
      } catch (error) {
        const reason = explainUniqueIndexError(error, Contact);
        if (reason === undefined) throw error;
        return reason;
      }
    },

    /** The oldest keeps the key; what the others hold beyond that is for an app to say. */
    merge: async (): Promise<void> => {
      const { indexes } = await Contact.auditUniqueIndexes({ sample: 1000 });
      for (const { blocking } of indexes) {
        for (const { ids } of blocking?.groups ?? []) {
          const [, ...others] = await Contact.find({ _id: { $in: ids } }).sort('_id');
          await Contact.deleteMany({ _id: { $in: others.map(({ _id }) => _id) } });
        }
      }
    },
  };
}
