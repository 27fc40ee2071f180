export { uniqueGuard } from './unique-guard';
export { isDuplicateKeyError } from './error/duplicate-key-error';
export { isUniqueValidationError } from './error/validation-error';
export { toValidationError } from './error/to-validation-error';
export { explainIndexBuildError } from './error/index-build-error';
export { formatAudit } from './audit/format-audit';

export type { SavedDocumentOf, UniqueGuardMethods, UniqueGuardStatics } from './augment';
export type { HydratedDocumentOf, PathOf, RawDocumentOf } from './document-of';
export type { SaveOrUpsertResult } from './statics/save-or-upsert';
export type { SaveOrUpsertManyEntry, SaveOrUpsertManyResult } from './statics/save-or-upsert-many';
export type {
  ConflictTargetOf,
  LeanOption,
  SaveInput,
  SaveOrUpsertManyOptions,
  SaveOrUpsertOptions,
  UpdateOperators,
  UpsertOptions,
} from './statics/upsert-options';
export type { CheckUniqueOptions } from './statics/check-unique-options';
export type { AuditOptions } from './statics/audit-unique-indexes';
export type { AuditedIndex, AuditStep, UniqueIndexAudit } from './audit/audit-model';
export type { IndexDifference, IndexStatus } from './audit/compare-indexes';
export type { IndexSpec } from './audit/declared-index';
export type { Blocking, BlockingGroup } from './audit/find-blocking';
export type {
  UniqueValidationError,
  UniqueValidationErrorOf,
  UniqueValidatorError,
} from './error/validation-error';
export type {
  AnyModel,
  AnySchema,
  ConflictTarget,
  MessageContext,
  UniqueGuardCallOptions,
  UniqueGuardNote,
  UniqueGuardOptions,
  UniqueIndexOptions,
  UniqueMessage,
} from './options';
