import { pipeline, type Readable } from 'node:stream';
import { parse, type Info } from 'csv-parse';

export interface CsvRow {
  /** The line of the file that the row ends on. */
  line: number;
  /** By the names in the first line; undefined where the row has more or fewer fields than that. */
  fields: Record<string, string> | undefined;
}

/**
 * Reads a CSV file row by row and no faster than its rows are taken; rejects at a quote that is never
 * closed, for no row after it can be told.
 */
export async function* readCsv(file: Readable): AsyncGenerator<CsvRow> {
  const parser = parse({
    bom: true,
    columns: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  });
  // An error of the file comes out of the loop; a loop that ends early closes the file.
  pipeline(file, parser, () => undefined);
  let unequal = 0;
  for await (const row of parser) {
    const { record, info } = row as { record: Record<string, string>; info: Info };
    const isWhole = info.invalid_field_length === unequal;
    unequal = info.invalid_field_length;
    yield { line: info.lines, fields: isWhole ? record : undefined };
  }
}
