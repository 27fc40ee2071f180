export { uniqueGuard } from './unique-guard';
export { isDuplicateKeyError } from './error/duplicate-key-error';
export { isUniqueValidationError } from './error/validation-error';
export { toValidationError } from './error/to-validation-error';

export type { HydratedDocumentOf, RawDocumentOf, UniqueGuardStatics } from './augment';
export type { SaveOrUpsertResult } from './statics/save-or-upsert';
export type { SaveOrUpsertManyEntry, SaveOrUpsertManyResult } from './statics/save-or-upsert-many';
export type {
  ConflictTargetOf,
  PathOf,
  SaveInput,
  SaveOrUpsertManyOptions,
  SaveOrUpsertOptions,
  UpdateOperators,
  UpsertOptions,
} from './statics/upsert-options';
export type { UniqueValidationError, UniqueValidatorError } from './error/validation-error';
export type {
  AnyModel,
  AnySchema,
  ConflictTarget,
  MessageContext,
  UniqueGuardNote,
  UniqueGuardOptions,
  UniqueIndexOptions,
  UniqueMessage,
} from './options';
