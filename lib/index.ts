export { uniqueGuard } from './unique-guard';
export type { AnyModel, AnySchema } from './mongoose-internals';
export { isDuplicateKeyError } from './convert/find-duplicates';
export { isUniqueValidationError } from './convert/validation-error';
export { toValidationError } from './convert/convert-error';
export { toProblemDetails } from './answer/to-problem-details';
export { explainUniqueIndexError } from './explain/explain-unique-index-error';
export { formatAudit } from './audit/format-audit';

export type { ProblemDetailsEntry } from './answer/list-problems';
export type { ProblemDetails, ProblemDetailsOptions } from './answer/to-problem-details';
export type { SavedDocumentOf } from './augment';
export type { HydratedDocumentOf, RawDocumentOf } from './schema/document-of';
export type { SaveOrUpsertResult } from './upsert/save-or-upsert';
export type {
  SaveOrUpsertManyEntry,
  SaveOrUpsertManyFailure,
  SaveOrUpsertManyResult,
} from './upsert/many/save-or-upsert-many';
export type {
  LeanOption,
  ResultsOption,
  SaveInput,
  SaveOrUpsertManyOptions,
  SaveOrUpsertOptions,
} from './upsert/upsert-options';
export type { OnConflict } from './upsert/on-conflict';
export type { CheckUniqueOptions } from './check/check-options';
export type { AuditOptions } from './audit/audit-unique-indexes';
export type { AuditedIndex, UniqueIndexAudit } from './audit/audit-model';
export type { IndexDifference, IndexStatus } from './audit/compare-indexes';
export type { IndexSpec } from './audit/declared-index';
export type { Blocking, BlockingGroup } from './audit/find-blocking';
export type { LeftoverIndex } from './audit/find-undeclared';
export type {
  UniqueValidationError,
  UniqueValidationErrorOf,
  UniqueValidatorError,
} from './convert/validation-error';
export type {
  ConflictTarget,
  MessageContext,
  UniqueGuardNote,
  UniqueGuardOptions,
  UniqueIndexOptions,
  UniqueMessage,
} from './options/plugin-options';
