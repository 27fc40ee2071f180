import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { SaveOrUpsertManyEntry, SaveOrUpsertManyResult } from 'mongoose-unique-guard';
import { readCsv } from '../../services/read-csv';
import type { TourModels } from './models';

export interface ImportRow {
  line: number;
  email: string;
  outcome: 'created' | 'updated' | 'unchanged' | 'refused';
  message: string;
}

export interface ImportJob {
  id: string;
  total: number;
  done: number;
  state: 'running' | 'cancelled' | 'finished' | 'failed';
  /** Why it failed as a whole. */
  message: string;
  rows: ImportRow[];
  cancel: () => void;
}

export type OnConflict = 'update' | 'skip';

const MAX_JOBS = 20;
const BATCH_SIZE = 100;

type Fields = Record<string, string>;

/** Imports of the last visitors, in the memory of this one process. */
export function createImportJobs({ Contact }: TourModels) {
  const jobs = new Map<string, ImportJob>();

  async function work(job: ImportJob, lines: number[], inputs: Fields[], onConflict: OnConflict) {
    const toRow = ({ index, error, ...entry }: SaveOrUpsertManyEntry): ImportRow => {
      const changed = onConflict === 'skip' ? 'unchanged' : 'updated';
      const written = 'created' in entry && entry.created ? 'created' : changed;
      return {
        line: lines[index] ?? 0,
        email: inputs[index]?.['email'] ?? '',
        outcome: error ? 'refused' : written,
        message: error?.message ?? '',
      };
    };
    const cancel = new AbortController();
    job.cancel = () => {
      cancel.abort();
    };
    try {
      const { results } = await Contact.saveOrUpsertMany(inputs, {
        onConflict,
        batchSize: BATCH_SIZE,
        onProgress: ({ done }) => {
          job.done = done;
          // What it throws ends the call; what was written is in the error.
          if (done < inputs.length) cancel.signal.throwIfAborted();
        },
      });
      job.rows.push(...results.map(toRow));
      job.state = 'finished';
    } catch (error) {
      const { partialResult } = error as { partialResult?: SaveOrUpsertManyResult };
      job.rows.push(...(partialResult?.results ?? []).map(toRow));
      job.state = cancel.signal.aborted ? 'cancelled' : 'failed';
      job.message = 'The import failed. The rows below are stored';
    }
    job.rows.sort((one, other) => one.line - other.line);
  }

  return {
    find: (id: string) => jobs.get(id),

    /** Rejects where the text is no CSV. */
    start: async (csv: string, onConflict: OnConflict): Promise<ImportJob> => {
      const lines: number[] = [];
      const inputs: Fields[] = [];
      const rows: ImportRow[] = [];
      for await (const { line, fields } of readCsv(Readable.from([csv]))) {
        if (fields === undefined) {
          const message = 'The row has more or fewer fields than the first line';
          rows.push({ line, email: '', outcome: 'refused', message });
          continue;
        }
        lines.push(line);
        const { email = '', name = '', customerNumber } = fields;
        inputs.push({ email, name, ...(customerNumber && { customerNumber }) });
      }
      const job: ImportJob = {
        id: randomUUID(),
        total: inputs.length,
        done: 0,
        state: 'running',
        message: '',
        rows,
        cancel: () => undefined,
      };
      jobs.set(job.id, job);
      const [oldest] = jobs.keys();
      if (jobs.size > MAX_JOBS && oldest !== undefined) jobs.delete(oldest);
      void work(job, lines, inputs, onConflict);
      return job;
    },
  };
}

/** A spreadsheet takes a cell that begins with one of these for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export function toCsv(rows: ImportRow[]): string {
  const toCell = (value: string | number) => {
    const text = FORMULA.test(String(value)) ? `'${String(value)}` : String(value);
    return `"${text.replaceAll('"', '""')}"`;
  };
  const lines = rows.map(({ line, email, outcome, message }) =>
    [line, email, outcome, message].map(toCell).join(','),
  );
  return ['line,email,outcome,message', ...lines, ''].join('\r\n');
}
