/**
 * Preloaded by `node -r` into an example's own process: the package name leads to the compiled lib of
 * TEST_PACKAGE_ENTRY, so that running the example needs no build.
 */
import Module from 'node:module';

type Resolve = (request: string, ...rest: unknown[]) => string;

// Node 20 has no public hook for what require() resolves to.
const loader = Module as unknown as { _resolveFilename: Resolve };
const resolve = loader._resolveFilename;
const lib = process.env['TEST_PACKAGE_ENTRY'] as string;

loader._resolveFilename = (request, ...rest) =>
  request === 'mongoose-unique-guard' ? lib : resolve(request, ...rest);
