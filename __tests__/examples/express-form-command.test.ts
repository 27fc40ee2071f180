/**
 * The example as its reader starts it: a process of its own, which uses the Mongoose that a reader has,
 * whichever major these tests run on. So they run once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Mongoose } from 'mongoose';
import request from 'supertest';
import { makeWorkplace, type Workplace } from '../support/command';
import { testUri, withMongoose } from '../support/database';

// Each compiles the example when it starts.
jest.setTimeout(90_000);

const root = path.resolve(__dirname, '../..');
const children: ChildProcess[] = [];
// A failed test must not leave its process behind.
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

let place: Workplace;
beforeAll(() => {
  place = makeWorkplace();
});
afterAll(() => {
  rmSync(place.directory, { recursive: true });
});

/** The example in a process of its own. Its database goes with the server, after the run. */
function run(env: Record<string, string>) {
  const preloaded = ['ts-node/register/transpile-only', './__tests__/support/resolve-lib.ts'];
  const args = preloaded.flatMap((name) => ['-r', name]);
  const child = spawn(process.execPath, [...args, 'examples/express-form/main.ts'], {
    cwd: root,
    env: {
      ...process.env,
      TEST_PACKAGE_ENTRY: path.join(place.directory, 'package/dist/index.js'),
      MONGODB_URI: testUri(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

it.each(['SIGINT', 'SIGTERM'] as const)('serves the form until %s', async (signal) => {
  const child = run({ PORT: '0' });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  expect(line).toMatch(/^Tour: http:\/\/localhost:[1-9]\d*\/$/);
  const { port } = new URL(line.replace('Tour: ', ''));
  const page = await request(`http://127.0.0.1:${port}`).get('/signup').expect(200);
  expect(page.text).toMatch(/<input(?=[^>]* id="email")[^>]* type="email"/);
  child.kill(signal);
  expect(await exited).toEqual([0, null]);
});

it('turns off the buttons that drop an index or delete documents on a MONGODB_URI', async () => {
  const uri = new URL(testUri());
  uri.pathname += '_own';
  await withMongoose(new Mongoose(), async (other) => {
    const stored = other.connection.useDb(uri.pathname.slice(1));
    const contacts = stored.collection('tourcontacts');
    await contacts.insertOne({ email: 'mine@example.org', name: 'Mine' });
    const child = run({ PORT: '0', MONGODB_URI: uri.href });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const site = request(line.replace('Tour: ', '').replace('localhost', '127.0.0.1').slice(0, -1));
    const snapshot = async () => [await contacts.find().toArray(), await contacts.indexes()];
    const before = await snapshot();

    const page = await site.get('/indexes').expect(200);
    expect(page.text).toContain('This database is yours, so the buttons are off.');
    const forms = [...page.text.matchAll(/action="(\/indexes\/\w+)"><button([^>]*)>/g)];
    expect(forms.map(([, action]) => action)).toEqual([
      '/indexes/lose',
      '/indexes/merge',
      '/indexes/build',
    ]);
    for (const [, action = '', attributes] of forms) {
      expect(attributes).toContain(' disabled');
      const refused = await site.post(action).expect(403);
      expect(refused.text).toContain('changes no index and deletes nothing');
    }
    // The other pages write, and delete only what they wrote themselves.
    await site.post('/race').expect(200);
    expect(await snapshot()).toEqual(before);
    expect(await stored.collection('tourcounters').countDocuments()).toBe(0);
    await stored.dropDatabase();
  });
});

it('says that the port is taken, and ends', async () => {
  const other: Server = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const child = run({ PORT: String((other.address() as AddressInfo).port) });
  const [[code], said] = await Promise.all([
    once(child, 'exit'),
    once(createInterface(child.stderr), 'line'),
  ]);
  other.close();
  expect(said[0]).toContain('The port is taken');
  expect(code).toBe(1);
});

it('says which index could not be built where duplicates are stored, and ends', async () => {
  const uri = testUri();
  await withMongoose(new Mongoose(), async (other) => {
    const stored = other.connection.useDb(new URL(uri).pathname.slice(1));
    await stored.collection('users').insertMany([{ email: 'a@x' }, { email: 'a@x' }]);
    const child = run({ PORT: '0', MONGODB_URI: uri });
    const [[code], said] = await Promise.all([
      once(child, 'exit'),
      once(createInterface(child.stderr), 'line'),
    ]);
    await stored.dropDatabase();
    expect(said[0]).toContain('The unique index email_1 of User could not be built');
    expect(said[0]).toContain('User.auditUniqueIndexes() lists them');
    expect(code).toBe(1);
  });
});
