import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Error as MongooseErrors } from 'mongoose';
import type { Models } from './models';
import { readCsv } from './read-csv';

interface RefusedRow {
  line: number;
  /** A message for each field; under `row` what is wrong with the row as a whole. */
  messages: Record<string, string>;
}

export interface ContactImport {
  created: number;
  updated: number;
  refused: RefusedRow[];
}

export interface ImportOptions {
  /** How many rows are written at once. Default: `1000`. */
  batchSize?: number;
  /** Called after each batch: the rows that were sent, and the read share of the file, from 0 to 1. */
  onProgress?: (progress: { rows: number; share: number }) => void;
}

/**
 * Creates or updates a contact for each row of a CSV file with the columns `email`, `name` and
 * `customerNumber`. One row that is refused stops no other, and the file is never in memory as a whole.
 */
export async function importContacts(
  { Contact }: Models,
  file: string,
  { batchSize = 1000, onProgress }: ImportOptions = {},
): Promise<ContactImport> {
  const { size } = await stat(file);
  const stream = createReadStream(file);
  /** The line of each row that was sent, by its place. */
  const lines: number[] = [];
  const refused: RefusedRow[] = [];
  async function* contacts() {
    for await (const { line, fields } of readCsv(stream)) {
      if (fields === undefined) {
        refused.push({
          line,
          messages: { row: 'The row has more or fewer fields than the first line' },
        });
        continue;
      }
      lines.push(line);
      yield toContact(fields);
    }
  }
  const { created, updated, results } = await Contact.saveOrUpsertMany(contacts(), {
    batchSize,
    onProgress: ({ done }) => onProgress?.({ rows: done, share: stream.bytesRead / size }),
  });
  for (const { index, error } of results) {
    if (error) refused.push({ line: lines[index] ?? 0, messages: toMessages(error) });
  }
  return { created, updated, refused: refused.sort((a, b) => a.line - b.line) };
}

/** The columns that are known; a field that is empty says nothing of what is stored. */
function toContact({ email = '', name = '', customerNumber }: Record<string, string>) {
  return { email, name, ...(customerNumber && { customerNumber }) };
}

function toMessages(error: Error): Record<string, string> {
  if (!(error instanceof MongooseErrors.ValidationError)) return { row: error.message };
  return Object.fromEntries(
    Object.entries(error.errors).map(([path, { message }]) => [path, message]),
  );
}
