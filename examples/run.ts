/**
 * `npm run example 04` runs a numbered example, `npm run example soft-delete` a recipe, `npm run example
 * nestjs` one with a package.json of its own, on a MongoDB that is started for it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import mongoose from 'mongoose';
import { startEmbeddedMongoDB } from './embedded-mongodb';

/** ts-node compiles what is required, not what is imported. */
const load = createRequire(__filename);
const listFiles = (folder: string) =>
  readdirSync(path.join(__dirname, folder))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => path.join(folder, name));

async function main(given = ''): Promise<void> {
  const files = ['numbered', 'recipes'].flatMap(listFiles);
  const file = files.find((name) => {
    const base = path.basename(name, '.ts');
    return base === given || (/^\d+$/.test(given) && base.startsWith(`${given}-`));
  });
  const projects = readdirSync(__dirname).filter(isProject);
  if (file === undefined && !projects.includes(given)) {
    console.error(`Name one: npm run example 01\n\n${[...files, ...projects].join('\n')}`);
    process.exitCode = 2;
    return;
  }
  const server = await startEmbeddedMongoDB();
  try {
    const uri = new URL(server.uri);
    uri.pathname = '/example';
    if (file === undefined) startProject(path.join(__dirname, given), uri.href);
    else await runFile(path.join(__dirname, file), uri.href);
  } finally {
    await server.stop();
  }
}

async function runFile(file: string, uri: string): Promise<void> {
  try {
    await mongoose.connect(uri);
    const { run } = load(file) as { run: () => Promise<void> };
    await run();
  } finally {
    await mongoose.disconnect();
  }
}

const isProject = (name: string) => existsSync(path.join(__dirname, name, 'package.json'));

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

main(process.argv[2]).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
