import { auditModel, type AuditStep, type UniqueIndexAudit } from '../audit/audit-model';
import { show, type AnyModel } from '../options';

/** Options of `Model.auditUniqueIndexes(options)`. */
export interface AuditOptions {
  /**
   * How many of the blocking keys are listed for each index, and how many `_id`s for each of them:
   * a whole number from 0, which lists none, to 1000. The totals are exact all the same. Default: 10.
   */
  sample?: number;
  /** Called before each collection scan, for one that takes long. Default: none. */
  onProgress?: (step: AuditStep) => void;
}

const MAX_SAMPLE = 1000;

/** The static; its documentation is in augment.ts. */
export async function auditUniqueIndexes(
  this: AnyModel,
  options: AuditOptions = {},
): Promise<UniqueIndexAudit> {
  checkOptions(options);
  const { sample = 10, onProgress } = options;
  return auditModel(this, { sample, onProgress });
}

/** Throws a TypeError that says what was given and what is allowed; nothing was sent. */
function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(
      `auditUniqueIndexes: options is ${show(options)}; it must be an object, such as { sample: 10 }.`,
    );
  }
  const unknown = Object.keys(options).find((name) => name !== 'sample' && name !== 'onProgress');
  if (unknown !== undefined) {
    throw new TypeError(
      `auditUniqueIndexes: there is no option ${show(unknown)}; allowed are sample, onProgress.`,
    );
  }
  const { sample, onProgress } = options as Record<string, unknown>;
  if (sample !== undefined && !isSample(sample)) {
    throw new TypeError(
      `auditUniqueIndexes: sample is ${show(sample)}; it must be a whole number from 0 to ` +
        `${MAX_SAMPLE}: how many keys, and how many _ids for each, are listed.`,
    );
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError(
      `auditUniqueIndexes: onProgress is ${show(onProgress)}; it must be a function.`,
    );
  }
}

function isSample(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_SAMPLE;
}
