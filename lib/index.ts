export { uniqueGuard } from './unique-guard';
export { isDuplicateKeyError } from './error/duplicate-key-error';
export { isUniqueValidationError } from './error/validation-error';
export { toValidationError } from './error/to-validation-error';

export type { HydratedDocumentOf, RawDocumentOf, SaveInput, UniqueGuardStatics } from './augment';
export type { SaveOrUpsertOptions } from './statics/upsert-options';
export type { ConflictTarget } from './schema/conflict-target';
export type { UniqueValidationError, UniqueValidatorError } from './error/validation-error';
export type {
  AnyModel,
  AnySchema,
  MessageContext,
  UniqueGuardNote,
  UniqueGuardOptions,
  UniqueIndexOptions,
  UniqueMessage,
} from './options';
