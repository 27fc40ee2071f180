/** README, CHANGELOG and guides, as their tests read them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(__dirname, '../..');

const folders = readdirSync(path.join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `examples/${name}/README.md`)
  .filter((file) => existsSync(path.join(root, file)));

/** Paths from the top of the repository. */
export const files = ['README.md', 'CHANGELOG.md', 'examples/README.md', ...folders];

export const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

export interface Snippet {
  language: 'js' | 'ts';
  code: string;
}

/** The snippets of JavaScript and TypeScript, in order. */
export function findSnippets(text: string): Snippet[] {
  const found = text.matchAll(/^```(js|ts)\n([\s\S]*?)^```/gm);
  return [...found].map(([, language, code = '']) => ({
    language: language as Snippet['language'],
    code,
  }));
}

const IMPORTS = /^import [\s\S]*?;$/gm;

/** All snippets of a document as one module; the first one is the scope of the others. */
export function toModule(snippets: Snippet[]): string {
  const imports = snippets.flatMap(({ code }) => code.match(IMPORTS) ?? []);
  const [body = '', ...others] = snippets.map(({ code }) => code.replace(IMPORTS, ''));
  const blocks = others.map((code) => `{\n${code}\n}`);
  return `${imports.join('\n')}\nexport async function run() {\n${[body, ...blocks].join('\n')}\n}\n`;
}

/** What the comments beside `console.log` say it prints. */
export function findPromised(snippets: Snippet[]): string[] {
  return snippets
    .flatMap(({ code }) => code.split('\n'))
    .flatMap((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? []);
}

export interface OptionTable {
  /** The file and the heading above the table. */
  place: string;
  names: string[];
}

/** The tables whose first column is called "option". */
export function findOptionTables(file: string): OptionTable[] {
  const tables: OptionTable[] = [];
  let heading = '';
  let names: string[] | undefined;
  for (const line of read(file).split('\n')) {
    heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    if (/^\| option +\|/.test(line)) {
      names = [];
      tables.push({ place: `${file}, ${heading}`, names });
    } else if (!line.startsWith('|')) names = undefined;
    const name = /^\| `([\w-]+)/.exec(line)?.[1];
    if (name !== undefined) names?.push(name);
  }
  return tables;
}

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

/** The targets of all links and images, but for those inside of code. */
export function findLinks(text: string): string[] {
  const links = withoutCode(text)
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''))
    .matchAll(/\]\(([^)\s]+)\)|<(https?:[^>\s]+)>|(?:href|src(?:set)?)="([^"]+)"/g);
  return [...links].map(([, inline, bare, attribute]) => inline ?? bare ?? attribute ?? '');
}

/** The anchors of the headings, as GitHub makes them. */
export function findAnchors(text: string): string[] {
  const headings = [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(
    ([, heading = '']) => heading,
  );
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** The documents with snippets. */
export const documents = files
  .map((file) => ({ file, snippets: findSnippets(read(file)) }))
  .filter(({ snippets }) => snippets.length > 0);

/** The file that a document's snippets are compiled as, beside the document. */
export const sourceOf = (file: string): string =>
  path.join(root, path.dirname(file), 'snippets.ts');
