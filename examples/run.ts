/**
 * `npm run example on-conflict` runs a short example, `npm run example nestjs` one with a package.json of
 * its own, on a MongoDB that is started for it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import mongoose from 'mongoose';
import { startEmbeddedMongoDB } from './embedded-mongodb';

/** ts-node compiles what is required, not what is imported. */
const load = createRequire(__filename);

const folders = readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const isProject = (folder: string) => existsSync(path.join(__dirname, folder, 'package.json'));
export const projects = folders.filter(isProject);

/** The files beside the guides that run on their own, such as `save-or-upsert/on-conflict`. */
export const examples = folders
  .filter((folder) => !isProject(folder))
  .flatMap((folder) => readdirSync(path.join(__dirname, folder)).map((file) => `${folder}/${file}`))
  .filter((file) => file.endsWith('.ts') && isExample(file))
  .map((file) => file.replace(/\.ts$/, ''));

function isExample(file: string): boolean {
  return readFileSync(path.join(__dirname, file), 'utf8').includes('export async function run()');
}

async function main(given = ''): Promise<void> {
  const example = examples.find((name) => path.basename(name) === given);
  if (example === undefined && !projects.includes(given)) {
    const names = [...examples.map((name) => path.basename(name)), ...projects];
    console.error(`Name one: npm run example on-conflict\n\n${names.join('\n')}`);
    process.exitCode = 2;
    return;
  }
  const server = await startEmbeddedMongoDB();
  try {
    const uri = new URL(server.uri);
    uri.pathname = '/example';
    if (example === undefined) startProject(path.join(__dirname, given), uri.href);
    else await runExample(path.join(__dirname, example), uri.href);
  } finally {
    await server.stop();
  }
}

async function runExample(file: string, uri: string): Promise<void> {
  try {
    await mongoose.connect(uri);
    const { run } = load(file) as { run: () => Promise<void> };
    await run();
  } finally {
    await mongoose.disconnect();
  }
}

/** Installs what the project needs, and runs it until Ctrl-C. */
function startProject(cwd: string, uri: string): void {
  // Ctrl-C goes to npm as well; this process stays to end the server.
  process.on('SIGINT', () => undefined);
  const env = { ...process.env, MONGODB_URI: uri };
  for (const command of ['npm ci --no-audit --no-fund', 'npm start']) {
    const { status } = spawnSync(command, { cwd, env, shell: true, stdio: 'inherit' });
    if (status !== 0) return;
  }
}

if (require.main === module) {
  main(process.argv[2]).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
