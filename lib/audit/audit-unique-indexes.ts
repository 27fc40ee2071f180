import type { AnyModel } from '../mongoose-internals';
import { checkRules, FUNCTION_RULE, integerRule, type Rules } from '../options/rules';
import { auditModel, type AuditStep, type UniqueIndexAudit } from './audit-model';

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

const RULES: Rules = { sample: integerRule(0, 1000), onProgress: FUNCTION_RULE };

/** The static; its documentation is in augment.ts. */
export async function auditUniqueIndexes(
  this: AnyModel,
  options: AuditOptions = {},
): Promise<UniqueIndexAudit> {
  checkRules('auditUniqueIndexes: options', options, RULES);
  const { sample = 10, onProgress } = options;
  return auditModel(this, { sample, onProgress });
}
