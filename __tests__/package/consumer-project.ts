import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findPacked } from './packed';
import { root, run } from './run';

/** The oldest TypeScript that the README promises. */
const OLDEST_TYPESCRIPT = '~5.9.0';

/** What `module` says, and how names are then resolved. The first is what Node runs. */
const MODULES: Record<string, object> = {
  node16: { module: 'node16', moduleResolution: 'node16' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', noEmit: true },
  bundler: { module: 'preserve', moduleResolution: 'bundler', noEmit: true },
};

/**
 * A project that installs the tarball and one Mongoose from the registry. Its source stands there as
 * .cts and as .mts, so that each compiler sees it as CommonJS and as an ES module.
 */
export async function makeConsumer(mongooseVersion: string): Promise<string> {
  const directory = path.join(findPacked('DIRECTORY'), `mongoose-${mongooseVersion}`);
  await mkdir(directory);
  for (const format of ['cts', 'mts']) {
    await copyFile(path.join(__dirname, 'consumer.ts'), path.join(directory, `consumer.${format}`));
  }
  for (const [name, moduleOptions] of Object.entries(MODULES)) {
    const config = toConfig({ ...moduleOptions, ...exactOptions(mongooseVersion) });
    await writeFile(path.join(directory, `tsconfig.${name}.json`), JSON.stringify(config));
  }
  await writeFile(path.join(directory, 'package.json'), JSON.stringify({ private: true }));
  await install(directory, [
    `mongoose@${mongooseVersion}`,
    `@types/node@${await ownRange('@types/node')}`,
    `typescript@${OLDEST_TYPESCRIPT}`,
    findPacked('TARBALL'),
  ]);
  return directory;
}

function toConfig(moduleOptions: object): object {
  const compilerOptions = {
    ...moduleOptions,
    target: 'es2022',
    lib: ['es2022'],
    types: ['node'],
    strict: true,
    noUnusedLocals: true,
    skipLibCheck: false,
    esModuleInterop: true,
  };
  return { compilerOptions, files: ['consumer.cts', 'consumer.mts'] };
}

/** Mongoose 9.0.0 has an error in its own declarations under this option; later ones have none. */
function exactOptions(mongooseVersion: string): object {
  return mongooseVersion === '9.0.0' ? {} : { exactOptionalPropertyTypes: true };
}

async function ownRange(devDependency: string): Promise<string> {
  const { devDependencies } = JSON.parse(
    await readFile(path.join(root, 'package.json'), 'utf8'),
  ) as { devDependencies: Record<string, string> };
  return devDependencies[devDependency] ?? 'latest';
}

async function install(cwd: string, packages: string[]): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--fetch-retry-mintimeout=1000'];
  await run('npm', ['install', ...quiet, ...packages], { cwd }).catch((error: unknown) => {
    throw new Error('npm could not install. test:package needs the npm registry.', {
      cause: error,
    });
  });
}
