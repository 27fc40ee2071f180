import { Error as MongooseErrors } from 'mongoose';
import { isUniqueValidationError, type UniqueIndexAudit } from 'mongoose-unique-guard';
import type { Models } from './models';

export const USER_FIELDS = ['name', 'email', 'username'] as const;
/** What a visitor may ask about before signing up. */
export const ASKABLE_FIELDS = ['email', 'username'] as const;
export const PAGE_FIELDS = ['tenant', 'slug'] as const;

export type UserInput = Partial<Record<(typeof USER_FIELDS)[number], string>>;
export type PageInput = Partial<Record<(typeof PAGE_FIELDS)[number], string>>;

export interface ImportReport {
  inserted: number;
  /** `row` is the place in the given list. */
  refused: { row: number; error: MongooseErrors.ValidationError }[];
}

export type Services = ReturnType<typeof createServices>;

/** No write asks first whether a value is free: the write itself tells, without a race. */
export function createServices(models: Models) {
  const { User, Page } = models;
  return {
    signUp: (input: UserInput) => User.create(input),

    /** The message of a value that is taken, null for one that is free, undefined for an invalid one. */
    findTakenMessage: async (
      field: (typeof ASKABLE_FIELDS)[number],
      value: string,
    ): Promise<string | null | undefined> => {
      const input = { [field]: value };
      if (!(await isValid(new User(input).validate([field])))) return undefined;
      const taken = await User.checkUnique(input, { paths: field });
      return taken?.errors[field]?.message ?? null;
    },

    putUser: (email: string, input: UserInput) =>
      User.saveOrUpsert({ ...input, email }, { conflictTarget: 'email' }),

    importUsers: async (rows: UserInput[]): Promise<ImportReport> => {
      // Without rawResult an unordered insertMany says nothing of the rows that validation refused.
      const results = await User.insertMany(rows, { ordered: false, rawResult: true }).then(
        ({ mongoose }) => mongoose.results,
        resultsOfRefusedRows,
      );
      const refused = results.flatMap((error, row) =>
        error instanceof MongooseErrors.ValidationError ? [{ row, error }] : [],
      );
      return { inserted: results.filter((row) => row instanceof User).length, refused };
    },

    listUsers: async () => User.find().sort({ _id: -1 }).limit(100).lean({ virtuals: true }),

    createPage: (input: PageInput) => Page.create(input),

    auditIndexes: async (): Promise<UniqueIndexAudit[]> => {
      const audits: UniqueIndexAudit[] = [];
      // One after the other: an index that is not there costs scans of its collection.
      for (const model of Object.values(models)) audits.push(await model.auditUniqueIndexes());
      return audits;
    },
  };
}

/** One entry for each row: the inserted document, or the ValidationError of either kind. */
function resultsOfRefusedRows(error: unknown): unknown[] {
  if (isUniqueValidationError(error) && error.results) return error.results;
  throw error;
}

function isValid(validation: Promise<void>): Promise<boolean> {
  return validation.then(
    () => true,
    (error: unknown) => {
      if (error instanceof MongooseErrors.ValidationError) return false;
      throw error;
    },
  );
}
