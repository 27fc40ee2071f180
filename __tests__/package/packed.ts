/** What global-setup.ts left for the tests. */
export function findPacked(name: 'DIRECTORY' | 'TARBALL'): string {
  const value = process.env[`TEST_PACKAGE_${name}`];
  if (value === undefined) throw new Error('Nothing is packed: run npm run test:package');
  return value;
}
