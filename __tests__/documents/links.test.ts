import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { examples, projects } from '../../examples/run';
import { HELP } from '../../lib/cli/parse-command';
import { files, findAnchors, findLinks, findOptionTables, read, root } from './documents';

const readme = read('README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const withoutIndent = (code: string) => code.replace(/^ +/gm, '');
const isRelative = (link: string) => !/^[a-z]+:/.test(link);

describe('the README', () => {
  it('has at most 220 lines and 1,800 words', () => {
    expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(220);
    expect(readme.trim().split(/\s+/).length).toBeLessThanOrEqual(1800);
  });

  it('links every guide by its file, which npm resolves as GitHub does', () => {
    const links = findLinks(readme).map((link) => link.replace(/#.*/, ''));
    const guides = files.filter((file) => file.startsWith('examples/'));
    expect(links).toEqual(expect.arrayContaining(guides));
    expect(links.filter((link) => link.startsWith('.') || link.startsWith('/'))).toEqual([]);
  });

  it('names commands that package.json has', () => {
    expect(readme).toContain('npm ci && npm start');
    expect(readme).toContain('npm ci && npm test');
    for (const [, name = ''] of readme.matchAll(/npm run ([\w:-]+)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
  });
});

it('continuous integration runs every test command of package.json, and CONTRIBUTING names it', () => {
  const ci = read('.ci/run');
  expect(ci).toMatch(/^npm ci$/m);
  const [, suites = ''] = /^for suite in (.*); do$/m.exec(ci) ?? [];
  // Mutations take hours: they judge the tests, not a change.
  const tests = Object.keys(scripts).filter((name) => /^test(:(?!mutation$)|$)/.test(name));
  expect(suites.split(' ').sort()).toEqual(tests.sort());
  const contributing = read('.github/CONTRIBUTING.md');
  for (const name of tests) {
    expect(contributing).toContain(name === 'test' ? '`npm test`' : `\`npm run ${name}\``);
  }
});

describe.each(files)('%s', (file) => {
  const text = read(file);
  const links = findLinks(text);

  it('has relative links to files that exist, and to their headings', () => {
    for (const link of links.filter(isRelative)) {
      const [target = '', anchor] = link.split('#');
      const linked = target === '' ? file : path.join(path.dirname(file), target);
      expect([link, existsSync(path.join(root, linked))]).toEqual([link, true]);
      if (anchor === undefined) continue;
      expect([link, statSync(path.join(root, linked)).isFile()]).toEqual([link, true]);
      expect([link, findAnchors(read(linked)).includes(anchor)]).toEqual([link, true]);
    }
  });

  it('has no two headings with the same anchor', () => {
    const anchors = findAnchors(text);
    expect(anchors.filter((anchor, at) => anchors.indexOf(anchor) !== at)).toEqual([]);
  });

  it('has short cells in its tables', () => {
    const written = text.replace(/<!-- bench -->[\s\S]*<!-- \/bench -->/, '');
    const rows = written.split('\n').filter((line) => line.startsWith('|'));
    const cells = rows.flatMap((row) => row.split(/(?<!\\)\|/));
    expect(cells.filter((cell) => cell.trim().split(/\s+/).length > 14)).toEqual([]);
  });
});

describe('the guides', () => {
  const index = read('examples/README.md');
  const guides = files.filter((file) => /^examples\/[^/]+\/README\.md$/.test(file));

  it('are all in the index', () => {
    const targets = findLinks(index).map((link) => path.join('examples', link));
    expect(guides.length).toBeGreaterThan(10);
    expect(targets).toEqual(expect.arrayContaining(guides));
  });

  it('name commands that run an example', () => {
    const names = [...projects, ...examples.map((example) => path.basename(example))];
    const wanted = guides.flatMap((file) => [...read(file).matchAll(/npm run example ([\w-]+)/g)]);
    expect(wanted.length).toBeGreaterThan(5);
    for (const [, name] of wanted) expect(names).toContain(name);
  });

  it('quote the code of the NestJS example, which a test of its own compiles and runs', () => {
    const folder = path.join(root, 'examples/nestjs');
    const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
    const code = names.map((name) => withoutIndent(read(`examples/nestjs/${name}`))).join('\n');
    const quotes = read('examples/nestjs/README.md').matchAll(/^```typescript\n([^]*?)^```/gm);
    const quoted = [...quotes].map(([, quote = '']) => withoutIndent(quote));
    expect(quoted.length).toBeGreaterThan(3);
    expect(quoted.filter((quote) => !code.includes(quote))).toEqual([]);
  });

  it('have a table of the options of the command, and its help has the same', () => {
    const tables = findOptionTables('examples/audit/README.md');
    const table = tables.find(({ place }) => place.endsWith(', Options of the command'));
    const helped = [...HELP.matchAll(/^ {2}(--\w+)/gm)].map(([, name]) => name);
    expect(table?.names).toEqual(helped.filter((name) => name !== '--help'));
  });
});
