/** Runs the command `audit`: from the parsed command line to the output and the exit code. */
import type { UniqueIndexAudit } from '../audit/audit-model';
import { auditUniqueIndexes } from '../audit/audit-unique-indexes';
import { formatAudit } from '../audit/format-audit';
import type { AnyModel } from '../mongoose-internals';
import { connectModels } from './connect-models';
import { findFile, loadModels } from './load-models';
import type { Command } from './parse-command';
import { startProgress, type Terminal } from './progress';
import { preventBuilds, requireMongoose } from './user-mongoose';

type AuditCommand = Extract<Command, { kind: 'audit' }>;

/** The report, and 0 if all indexes are as declared, else 1. Rejects if the audit fails. */
export async function runAudit(
  command: AuditCommand,
  directory: string,
  errors: Terminal,
): Promise<{ output: string; exitCode: 0 | 1 }> {
  const file = findFile(command.models, directory);
  const mongoose = requireMongoose(file, directory);
  preventBuilds(mongoose);
  const models = await loadModels(file, mongoose);
  const { connections, notes } = await connectModels(models, command.uri);
  for (const note of notes) errors.write(`Note: ${note}.\n`);
  const isPassed = ({ ok, leftover }: UniqueIndexAudit): boolean =>
    ok && !(command.strict && leftover.length > 0);
  try {
    const audits = await auditAll(models, command, errors);
    const output = command.json ? toJSON(audits, mongoose.mongo.BSON) : formatAudit(audits);
    return { output: `${output}\n`, exitCode: audits.every(isPassed) ? 0 : 1 };
  } finally {
    await Promise.allSettled(connections.map((connection) => connection.close()));
  }
}

async function auditAll(
  models: AnyModel[],
  { sample = 10 }: AuditCommand,
  errors: Terminal,
): Promise<UniqueIndexAudit[]> {
  const progress = startProgress(errors);
  const audits: UniqueIndexAudit[] = [];
  try {
    for (const model of models) {
      const options = { sample, onProgress: progress.start };
      // Not the model's static: models without the plugin are audited, too.
      audits.push(await auditUniqueIndexes.call(model, options));
    }
  } finally {
    progress.end();
  }
  return audits;
}

/** Extended JSON distinguishes an ObjectId from a string. */
function toJSON(audits: UniqueIndexAudit[], { EJSON }: AnyModel['base']['mongo']['BSON']): string {
  return EJSON.stringify(audits, undefined, 2);
}
