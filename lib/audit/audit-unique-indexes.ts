import type { AnyModel } from '../mongoose-internals';
import { checkRules, FUNCTION_RULE, integerRule, type Rules } from '../options/rules';
import { auditModel, type AuditStep, type UniqueIndexAudit } from './audit-model';

/** Options of `Model.auditUniqueIndexes(options)`. */
export interface AuditOptions {
  /**
   * The largest number of blocking keys listed for each index, and of `_id`s listed for each key: a whole
   * number from 0 to 1000. The totals are exact in any case. Default: 10.
   */
  sample?: number;
  /** Called before the scans for each index, for example to log progress. Default: none. */
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
