import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findPacked } from './packed';
import { root, run } from './run';

/** The oldest TypeScript that the README promises. */
const OLDEST_TYPESCRIPT = '~5.9.0';

/** The Mongoose that the peerDependencies of Typegoose 13.4 name. */
const TYPEGOOSE_PEER = '~9.7.3';

/** What `module` says, and how names are then resolved. The first is what Node runs. */
const MODULES: Record<string, object> = {
  node16: { module: 'node16', moduleResolution: 'node16', declaration: true },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', noEmit: true },
  bundler: { module: 'preserve', moduleResolution: 'bundler', noEmit: true },
};

/** What it exports must have types that its declarations can name. */
const DECLARATIONS = 'declarations.mts';

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
  await copyFile(path.join(__dirname, DECLARATIONS), path.join(directory, DECLARATIONS));
  for (const [name, moduleOptions] of Object.entries(MODULES)) {
    const config = toConfig({ ...moduleOptions, ...exactOptions(mongooseVersion) });
    await writeFile(path.join(directory, `tsconfig.${name}.json`), JSON.stringify(config));
  }
  await install(directory, [`mongoose@${mongooseVersion}`, `typescript@${OLDEST_TYPESCRIPT}`]);
  return directory;
}

/** A project with decorators that installs the tarball beside NestJS and Typegoose. */
export async function makeFrameworkConsumer(): Promise<string> {
  const directory = path.join(findPacked('DIRECTORY'), 'frameworks');
  await mkdir(directory);
  const file = 'frameworks.mts';
  await copyFile(path.join(__dirname, file), path.join(directory, file));
  const decorators = { experimentalDecorators: true, emitDecoratorMetadata: true };
  // Their declarations are theirs to check.
  const options = { ...MODULES['node16'], ...decorators, noEmit: true, skipLibCheck: true };
  await writeFile(path.join(directory, 'tsconfig.json'), JSON.stringify(toConfig(options, [file])));
  await install(directory, [
    `mongoose@${TYPEGOOSE_PEER}`,
    '@typegoose/typegoose@^13.4.0',
    ...['common', 'core', 'mongoose'].map((name) => `@nestjs/${name}@^12.0.0`),
    'reflect-metadata@^0.2.0',
    'rxjs@^7.0.0',
  ]);
  return directory;
}

function toConfig(
  moduleOptions: object,
  files: readonly string[] = ['consumer.cts', 'consumer.mts', DECLARATIONS],
): object {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2022'],
    types: ['node'],
    strict: true,
    noUnusedLocals: true,
    skipLibCheck: false,
    esModuleInterop: true,
    ...moduleOptions,
  };
  return { compilerOptions, files };
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

/** The tarball, Node's types and these packages. */
async function install(cwd: string, packages: string[]): Promise<void> {
  await writeFile(path.join(cwd, 'package.json'), JSON.stringify({ private: true }));
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--fetch-retry-mintimeout=1000'];
  const common = [`@types/node@${await ownRange('@types/node')}`, findPacked('TARBALL')];
  await run('npm', ['install', ...quiet, ...packages, ...common], { cwd }).catch(
    (error: unknown) => {
      throw new Error('npm could not install. test:package needs the npm registry.', {
        cause: error,
      });
    },
  );
}
