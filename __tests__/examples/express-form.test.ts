import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { Schema, type mongo } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import request, { type Response } from 'supertest';
import { createApp } from '../../examples/express-form/app';
import { createModels } from '../../examples/express-form/models';
import { createServices } from '../../examples/express-form/services';
import { createTour } from '../../examples/express-form/tour/routes';
import { useDatabase } from '../support/database';

const { connection } = useDatabase();
const models = createModels(connection);
const services = createServices(models);
const tour = createTour(connection, { isOwnData: true });
const app = createApp(services, tour);

beforeAll(async () => {
  for (const model of Object.values(models)) {
    await model.createCollection();
    await model.ensureIndexes();
  }
});
beforeEach(async () => {
  await models.User.deleteMany();
  await models.Page.deleteMany();
});

const alice = { name: 'Alice', email: 'alice@example.org', username: 'alice' };
const bob = { name: 'Bob', email: 'bob@example.org', username: 'bob' };
const emailTaken = {
  message: 'This email is already registered',
  kind: 'unique',
  path: 'email',
  value: alice.email,
};
const usernameTaken = {
  message: 'This user name is taken',
  kind: 'unique',
  path: 'username',
  value: alice.username,
};
const nameMissing = { message: 'Enter your name', kind: 'required', path: 'name', value: null };

/** The start tag of the element with this id. */
function findTag({ text }: Response, id: string): string {
  const tag = new RegExp(`<\\w+[^>]*\\sid="${id}"[^>]*>`).exec(text)?.[0];
  if (tag === undefined) throw new Error(`nothing has the id ${id} in\n${text}`);
  return tag;
}

function expectMessage(page: Response, name: string, message: string): void {
  expect(findTag(page, name)).toContain('aria-invalid="true"');
  expect(findTag(page, name)).toContain(`aria-describedby="${name}-error"`);
  expect(page.text).toContain(`id="${name}-error">${message}</p>`);
  expect(page.text).toContain(`<a href="#${name}">${message}</a>`);
}

const countIn = ({ text }: Response, part: string) => text.split(part).length - 1;

describe('the sign-up form', () => {
  const signUp = (fields: object) => request(app).post('/signup').type('form').send(fields);

  it('asks for name, email and user name, each with a label and without an error', async () => {
    const page = await request(app).get('/signup').expect(200).expect('content-type', /html/);
    for (const name of ['name', 'email', 'username']) {
      expect(page.text).toContain(`<label for="${name}">`);
      expect(findTag(page, name)).toContain(`autocomplete="${name}"`);
    }
    expect(page.text).not.toMatch(/aria-invalid|role="alert"|autofocus/);
    await request(app).get('/style.css').expect(200).expect('content-type', /css/);
  });

  it('leads to the list of users, which has the new one with its virtual', async () => {
    const empty = await request(app).get('/users').expect(200);
    expect(empty.text).toContain('Nobody has signed up yet');
    const done = await signUp({ ...alice, email: ' Alice@Example.org' }).expect(303);
    expect(done.headers['location']).toBe('/users');
    const list = await request(app).get('/users').expect(200);
    expect(list.text).toContain('<td>Alice (@alice)</td><td>alice@example.org</td>');
  });

  it('says beside the input that an email address is taken, and keeps what was typed', async () => {
    await signUp(alice).expect(303);
    const page = await signUp({ name: 'Al', email: 'Alice@example.org', username: 'al' });
    expect(page.status).toBe(409);
    expectMessage(page, 'email', emailTaken.message);
    expect(countIn(page, 'aria-invalid')).toBe(1);
    expect(findTag(page, 'email')).toContain('autofocus');
    expect(findTag(page, 'name')).toContain('value="Al"');
    expect(findTag(page, 'email')).toContain('value="Alice@example.org"');
    expect(findTag(page, 'username')).toContain('value="al"');
    expect(await models.User.countDocuments()).toBe(1);
  });

  it("says the schema's own message where a user name is taken", async () => {
    await signUp(alice);
    const page = await signUp({ ...bob, username: 'ALICE' }).expect(409);
    expectMessage(page, 'username', usernameTaken.message);
  });

  it('says of all that is taken at once, each beside its input', async () => {
    await signUp(alice);
    const page = await signUp({ ...alice, name: 'Al' }).expect(409);
    expectMessage(page, 'email', emailTaken.message);
    expectMessage(page, 'username', usernameTaken.message);
    expect(countIn(page, 'aria-invalid')).toBe(2);
    expect(countIn(page, 'autofocus')).toBe(1);
  });

  it('answers 422 with a message beside each input that is missing or wrong', async () => {
    const page = await signUp({ name: ' ', email: 'nobody' }).expect(422);
    expectMessage(page, 'name', nameMissing.message);
    expectMessage(page, 'email', 'Enter an email address like name@example.org');
    expectMessage(page, 'username', 'Choose a user name');
    expect(countIn(page, 'autofocus')).toBe(1);
    expect(findTag(page, 'name')).toContain('autofocus');
    await request(app).post('/signup').expect(422);
  });

  it('sends no markup that a user typed, neither in the form nor in the list', async () => {
    const name = `"><script>alert('1')</script>`;
    const escaped = '&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;';
    await signUp({ ...alice, name }).expect(303);
    const page = await signUp({ ...alice, name }).expect(409);
    expect(findTag(page, 'name')).toContain(`value="${escaped}"`);
    const list = await request(app).get('/users');
    expect(list.text).toContain(`<td>${escaped} (@alice)</td>`);
    expect(page.text + list.text).not.toContain('<script>');
  });
});

describe('GET /api/availability', () => {
  const malformed = { error: 'Ask for one valid email or username' };
  /** With a limit of its own. */
  const freshApp = () => createApp(services, tour);
  beforeEach(() => services.signUp(alice));

  it.each([
    [{ email: 'new@example.org' }, { available: true, message: null }],
    [{ email: 'alice@example.org' }, { available: false, message: emailTaken.message }],
    [{ email: ' ALICE@example.org ' }, { available: false, message: emailTaken.message }],
    [{ username: 'alicia' }, { available: true, message: null }],
    [{ username: 'Alice' }, { available: false, message: usernameTaken.message }],
  ])('%j is %j', async (query, answer) => {
    const { body, headers } = await request(app).get('/api/availability').query(query).expect(200);
    expect(body).toEqual(answer);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('gives one answer to all that a form would not ask, whatever is stored', async () => {
    const server = freshApp();
    const check = jest.spyOn(models.User, 'checkUnique');
    const queries = [
      '',
      'email=',
      'email=nobody',
      'email=%20',
      `email=${'a'.repeat(250)}@example.org`,
      'email=alice@example.org&username=alice',
      'email=alice@example.org&email=bob@example.org',
      'email[$gt]=',
      'email[]=alice@example.org',
      'email=alice@example.org&paths=name',
      'name=Alice',
      '_id=1',
      'username=',
    ];
    for (const query of queries) {
      await request(server).get(`/api/availability?${query}`).expect(400, malformed);
    }
    expect(check).not.toHaveBeenCalled();
    check.mockRestore();
  });

  it('answers as often as typing takes, and no client may read out a list', async () => {
    const server = freshApp();
    const ask = () => request(server).get('/api/availability').query({ username: 'alice' });
    const answers = [];
    for (let count = 0; count < 32; count += 1) answers.push(await ask());
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(30);
    const refused = answers.at(-1);
    expect(refused?.status).toBe(429);
    expect(refused?.body).toEqual({ error: expect.stringContaining('Too many questions') });
    expect(refused?.headers['retry-after']).toMatch(/^\d+$/);
    // The form itself goes on working.
    await request(server).post('/signup').type('form').send(bob).expect(303);
  });

  it('has nothing to say, nor to log, where the client has gone', async () => {
    const log = jest.spyOn(console, 'error').mockReturnValue(undefined);
    const server: Server = createServer(freshApp()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let count = 0; count < 5; count += 1) {
      const asked = once(server, 'request');
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        'GET /api/availability?username=alice HTTP/1.1\r\nHost: localhost\r\n\r\n',
        () => {
          socket.resetAndDestroy();
        },
      );
      const [, response] = (await asked) as [unknown, ServerResponse];
      if (!response.closed) await once(response, 'close');
    }
    // One who stays is answered, and what was asked before has come to its end.
    await request(server).get('/api/availability?username=alice').expect(200);
    server.close();
    const logged = log.mock.calls;
    log.mockRestore();
    expect(logged).toEqual([]);
  });
});

describe('the script of the sign-up form', () => {
  /** What the script uses of an element. */
  class Element extends EventTarget {
    value = '';
    textContent = '';
    dataset: Record<string, string> = {};
    isValid = true;
    constructor(
      readonly name: string,
      readonly htmlFor = { value: name },
    ) {
      super();
    }
    checkValidity() {
      return this.isValid;
    }
    removeAttribute() {
      // In a real browser: __tests__/browser/availability.test.ts.
    }
    type(value: string) {
      this.value = value;
      this.dispatchEvent(new Event('input'));
    }
  }
  const elements = () => ({ input: new Element('email'), output: new Element('email') });
  const source = readFileSync(
    path.resolve(__dirname, '../../examples/express-form/public/availability.js'),
    'utf8',
  );

  /** Answers are held back until the test gives them. */
  function run({ input, output }: ReturnType<typeof elements>) {
    const questions: { url: string; answer: (body: unknown, ok?: boolean) => Promise<void> }[] = [];
    const pauses: number[] = [];
    runInNewContext(source, {
      AbortController,
      URLSearchParams,
      clearTimeout,
      setTimeout: (ask: () => void, pause: number) => {
        pauses.push(pause);
        return setTimeout(ask, 0);
      },
      document: {
        querySelectorAll: () => [output],
        getElementById: (id: string) => (id === input.name ? input : null),
        querySelector: () => null,
      },
      fetch: (url: string) =>
        new Promise((resolve) => {
          const answer = async (body: unknown, ok = true) => {
            resolve({ ok, json: () => Promise.resolve(body) });
            await pause(5);
          };
          questions.push({ url, answer });
        }),
    });
    return { questions, pauses };
  }

  it('asks once the user has paused, and shows the answer', async () => {
    const { input, output } = elements();
    const { questions, pauses } = run({ input, output });
    for (const text of ['a', 'al', 'al@example.org']) input.type(text);
    await pause(5);
    expect(questions.map(({ url }) => url)).toEqual(['/api/availability?email=al%40example.org']);
    expect(pauses).toEqual([400, 400, 400]);
    await questions[0]?.answer({ available: false, message: 'taken' });
    expect([output.textContent, output.dataset['state']]).toEqual(['taken', 'taken']);
    input.type('bo@example.org');
    expect(output.textContent).toBe('');
    await pause(5);
    await questions[1]?.answer({ available: true, message: null });
    expect([output.textContent, output.dataset['state']]).toEqual(['This is still free', 'free']);
  });

  it('drops an answer to a text that has changed since', async () => {
    const { input, output } = elements();
    const { questions } = run({ input, output });
    input.type('old@example.org');
    await pause(5);
    input.type('new@example.org');
    await pause(5);
    await questions[1]?.answer({ available: true, message: null });
    await questions[0]?.answer({ available: false, message: 'taken' });
    expect(output.textContent).toBe('This is still free');
    input.isValid = false;
    input.type('no');
    await pause(5);
    expect(questions).toHaveLength(2);
    expect(output.textContent).toBe('');
  });

  it('says nothing where it gets no answer', async () => {
    const { input, output } = elements();
    const { questions } = run({ input, output });
    input.type('a@example.org');
    await pause(5);
    await questions[0]?.answer({ error: 'Too many questions' }, false);
    expect(output.textContent).toBe('');
  });

  it('has a place beside each of its inputs that a screen reader is told of', async () => {
    const page = await request(app).get('/signup').expect(200);
    for (const name of ['email', 'username']) {
      expect(findTag(page, `${name}-availability`)).toContain('aria-live="polite"');
      expect(findTag(page, `${name}-availability`)).toContain(`for="${name}"`);
    }
    expect(page.text).not.toContain('id="name-availability"');
    expect(page.text).toContain('<script src="/availability.js" defer></script>');
    await request(app)
      .get('/availability.js')
      .expect(200)
      .expect('content-type', /javascript/);
    expect((await request(app).get('/pages')).text).not.toContain('availability');
  });
});

describe('the page form', () => {
  const create = (fields: object) => request(app).post('/pages').type('form').send(fields);

  it('takes a slug once for each tenant, and says beside the slug that it is taken', async () => {
    await request(app).get('/pages').expect(200);
    const done = await create({ tenant: 'acme', slug: 'home' }).expect(303);
    const next = await request(app).get(done.headers['location'] ?? '');
    expect(next.text).toContain('role="status"');
    await create({ tenant: 'other', slug: 'home' }).expect(303);

    const page = await create({ tenant: 'Acme', slug: 'home' }).expect(409);
    expectMessage(page, 'slug', 'This tenant has a page with this slug already');
    expect(countIn(page, 'aria-invalid')).toBe(1);
    expect(findTag(page, 'tenant')).toContain('value="Acme"');
  });

  it('answers 422 where the slug is missing', async () => {
    const page = await create({ tenant: 'acme' }).expect(422);
    expectMessage(page, 'slug', 'Enter the slug');
  });
});

describe('GET /admin/indexes', () => {
  const unescape = (html: string) =>
    html
      .replace(/<[^>]*>/g, ' ')
      .replace(/&#39;/g, "'")
      .replace(/&#34;/g, '"')
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&amp;/g, '&')
      .replace(/\s+/g, ' ')
      .trim();
  /** The text of the cells of an index: its name and keys, its state, what to do. */
  function findRow({ text }: Response, name: string): string[] {
    const row = text.split(/<.?tbody>/).find((part) => part.includes(`<bdi>${name}</bdi>`));
    if (row === undefined) throw new Error(`no row for ${name} in\n${text}`);
    return [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell]) =>
      unescape(cell ?? ''),
    );
  }
  const read = (server = app) => request(server).get('/admin/indexes').expect(200);
  const { User, Page } = models;
  const build = (
    { collection }: (typeof models)[keyof typeof models],
    keys: Record<string, 1>,
    options: mongo.CreateIndexesOptions = {},
  ) => collection.createIndex(keys, options, {});
  const tenantAndSlug = { tenant: 1, slug: 1 } as const;

  afterEach(async () => {
    for (const model of [User, Page]) {
      await model.deleteMany();
      await model.collection.dropIndexes();
      await model.ensureIndexes();
    }
  });

  it('has a table for each model, and nothing to do where all indexes are there', async () => {
    await services.signUp(alice);
    const page = await read();
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.text).toContain('All is as the schemas declare it');
    expect([...page.text.matchAll(/<caption>(.*)<\/caption>/g)].map(([, text]) => text)).toEqual([
      'User, in the collection users',
      'Page, in the collection pages',
    ]);
    expect(countIn(page, '<th scope="col">')).toBe(4);
    expect(countIn(page, '<th scope="rowgroup" colspan="2">')).toBe(3);
    expect(findRow(page, 'email_1')).toEqual(['email_1 { email: 1 }', 'ok', 'Nothing']);
    expect(findRow(page, 'username_1')).toEqual(['username_1 { username: 1 }', 'ok', 'Nothing']);
    expect(findRow(page, 'tenant_1_slug_1')[1]).toBe('ok');
    expect(page.text).not.toMatch(/alice|class="(summary|message)"/);
    expect((await request(app).get('/users')).text).toContain('<a href="/admin/indexes">');
  });

  it('shows the documents that block a missing index, and what to do with them', async () => {
    await User.collection.dropIndex('email_1');
    const { insertedIds } = await User.collection.insertMany([
      { ...alice, username: 'one' },
      { ...alice, username: 'two' },
      bob,
    ]);
    const page = await read();
    expect(page.text).toContain('Not as the schemas declare it: 1 of 3.');
    const [first, second] = [insertedIds[0], insertedIds[1]].map(String);
    expect(findRow(page, 'email_1')).toEqual([
      'email_1 { email: 1 }',
      'missing, and blocked by documents ' +
        `email: 'alice@example.org' in 2 documents: new ObjectId('${first}'), new ObjectId('${second}')`,
      'Decide for each key which document keeps it, and merge, change or delete the others ' +
        'Build it: await User.createIndexes()',
    ]);
    expect(findRow(page, 'username_1')[1]).toBe('ok');
    expect(page.text).not.toContain('bob');
    await User.deleteOne({ username: 'two' });
    expect(findRow(await read(), 'email_1').slice(1)).toEqual([
      'missing',
      'Build it: await User.createIndexes()',
    ]);
  });

  it('counts the keys and documents that it does not list', async () => {
    await User.collection.dropIndexes();
    await User.collection.insertMany(
      Array.from({ length: 36 }, (_, at) => ({
        email: `user${at % 12}@example.org`,
        username: at,
      })),
    );
    await User.collection.insertMany(
      Array.from({ length: 15 }, (_, at) => ({ email: 'all@example.org', username: -at - 1 })),
    );
    const [, state] = findRow(await read(), 'email_1');
    expect(state).toMatch(/email: 'all@example.org' in 15 documents: .* and 5 more /);
    expect(state).toMatch(/Keys that are not listed: 3$/);
    expect(findRow(await read(), 'username_1')[1]).toBe('missing');
  });

  it('sends no markup that is stored, and keeps control characters and directions apart', async () => {
    await User.collection.dropIndexes();
    const email = `"><script>alert('1')</script>\u202e\u0007`;
    await User.collection.insertMany([{ email }, { email }]);
    const hostile = '<img src=x onerror=alert(1)>';
    await build(User, { name: 1 }, { unique: true, name: hostile, sparse: true });
    const page = await read();
    expect(page.text).not.toMatch(/<script|<img|\u0007/);
    expect(page.text).toContain(`<bdi>&lt;img src=x onerror=alert(1)&gt;</bdi>`);
    expect(page.text).toMatch(
      /<li><bdi>email: `&#34;&gt;&lt;script&gt;[^<]*&lt;\/script&gt;\u202e\\x07`[^<]*<\/bdi><\/li>/,
    );
  });

  it('keeps the values of hidden paths out', async () => {
    const schema = new Schema({ token: { type: String, unique: true, select: false } });
    schema.plugin(uniqueGuard);
    const withSecrets = { ...models, Secret: connection.model('Secret', schema) };
    await withSecrets.Secret.collection.insertMany([{ token: 's3cr3t' }, { token: 's3cr3t' }]);
    const page = await read(createApp(createServices(withSecrets), tour));
    connection.deleteModel('Secret');
    expect(findRow(page, 'token_1')[1]).toMatch(/^missing.* token: \(hidden\) in 2 documents: /);
    expect(page.text).not.toContain('s3cr3t');
  });

  it.each([
    [
      'an index on the same keys that is not unique',
      () => build(Page, tenantAndSlug),
      /^cannot be built The index tenant_1_slug_1 of Page cannot be built: .*declared unique: true/,
      'Follow the advice beside it, and load this page again',
    ],
    [
      'one with another option',
      () => build(Page, tenantAndSlug, { unique: true, sparse: true }),
      'different sparse: none in the schema, true in the database',
      'Where the database is right, change the schema ' +
        'Where the schema is right, give its index a name of its own and build it: ' +
        'await Page.createIndexes()',
    ],
    [
      'one with another name',
      () => build(Page, tenantAndSlug, { unique: true, name: 'address' }),
      "different name: 'tenant_1_slug_1' in the schema, 'address' in the database",
      'Give the index in the schema the name that it has in the database',
    ],
    [
      'documents without the paths',
      () => Page.collection.insertMany([{}, {}]),
      /^missing, and blocked by documents tenant: null, slug: null in 2 documents: /,
      'Missing values count as null. Give these documents a value and make the path required, or index only documents with a value: ' +
        "partialFilterExpression: { tenant: { $type: 'string' } }. Build it: await Page.createIndexes()",
    ],
    [
      'a document that no such index can hold',
      () => Page.collection.insertOne({ tenant: ['a', 'b'], slug: ['c', 'd'] }),
      'missing, and blocked by documents Documents with arrays on two paths: 1',
      'Leave an array on one of the paths only Build it: await Page.createIndexes()',
    ],
  ])('says what to do about %s', async (_, arrange: () => Promise<unknown>, state, steps) => {
    await Page.collection.dropIndexes();
    await arrange();
    const row = findRow(await read(), 'tenant_1_slug_1');
    if (typeof state === 'string') expect(row[1]).toBe(state);
    else expect(row[1]).toMatch(state);
    expect(row[2]).toBe(steps);
  });

  it('shows a unique index that no schema declares, as nothing that is wrong', async () => {
    await build(Page, { slug: 1 }, { unique: true, sparse: true });
    await build(Page, { heading: 1 }, { unique: true, sparse: true });
    const page = await read();
    expect(findRow(page, 'heading_1')).toEqual([
      'heading_1 { heading: 1 }',
      'left over: the schema does not have its paths New documents have no value for heading: the second one ' +
        'may fail Documents with a value there: 0',
      'If no code writes heading any more, drop the index: ' +
        "await Page.collection.dropIndex('heading_1') Otherwise add heading to the schema, and declare the index",
    ]);
    expect(findRow(page, 'slug_1')).toEqual([
      'slug_1 { slug: 1 }',
      'unique, and not declared',
      'Declare it in the schema, where those who write the app can see it',
    ]);
    expect(page.text).toContain('All is as the schemas declare it');
  });

  it.each([
    [{ status: 'building' as const }, 'building', /^Wait, and load this page again/],
    [
      { status: 'missing' as const, notExamined: 'a hashed index cannot be unique' },
      'missing Its documents were not examined: a hashed index cannot be unique',
      /^See whether the server can build such an index$/,
    ],
  ])('says what to do where the report has %j', async (part, state, steps) => {
    const audits = await services.auditIndexes();
    const changed = audits.map((audit) => ({
      ...audit,
      indexes: audit.indexes.map((index) => ({ ...index, ...part })),
    }));
    const auditIndexes = () => Promise.resolve(changed);
    const page = await read(createApp({ ...services, auditIndexes }, tour));
    expect(findRow(page, 'email_1')[1]).toBe(state);
    expect(findRow(page, 'email_1')[2]).toMatch(steps);
    expect(page.text).toContain('Not as the schemas declare it: 3 of 3.');
  });
});

describe('POST /api/users', () => {
  const post = (body: object) => request(app).post('/api/users').send(body);

  it('answers 201 with the user, of known fields only', async () => {
    const { body } = await post({ ...alice, email: 'Alice@example.org', isAdmin: true }).expect(
      201,
    );
    expect(body).toEqual({ ...alice, _id: expect.any(String), label: 'Alice (@alice)' });
    expect(await models.User.countDocuments(alice)).toBe(1);
  });

  it('answers 409 with the message of the field that is taken', async () => {
    await post(alice);
    const { body } = await post({ ...bob, email: alice.email }).expect(409);
    expect(body).toEqual({ errors: { email: emailTaken } });
  });

  it('answers 422 in the same shape for other errors, operators in place of a text too', async () => {
    const { body } = await post({ email: { $gt: '' }, username: 'bob', name: 'Bob' }).expect(422);
    expect(body).toEqual({
      errors: {
        email: {
          message: 'Enter your email address',
          kind: 'required',
          path: 'email',
          value: null,
        },
      },
    });
  });

  it('answers 400 to a body that is not JSON', async () => {
    const { body } = await request(app)
      .post('/api/users')
      .type('json')
      .send('{ "name":')
      .expect(400);
    expect(body).toEqual({ error: expect.stringContaining('JSON') });
  });
});

describe('PUT /api/users/:email', () => {
  const put = (email: string, body: object) => request(app).put(`/api/users/${email}`).send(body);

  it('creates the user at first and changes the same one then', async () => {
    const created = await put('Alice@example.org', { name: 'Al', username: 'alice' }).expect(201);
    const changed = await put(alice.email, { ...alice, email: bob.email }).expect(200);
    expect(changed.body).toEqual({
      ...alice,
      _id: created.body['_id'],
      label: 'Alice (@alice)',
    });
    expect(await models.User.countDocuments()).toBe(1);
  });

  it('answers 409 where another user has the user name, and changes neither', async () => {
    await services.signUp(alice);
    await services.signUp(bob);
    const { body } = await put(bob.email, { name: 'Robert', username: 'alice' }).expect(409);
    expect(body).toEqual({ errors: { username: usernameTaken } });
    expect(await models.User.countDocuments({ name: 'Bob', username: 'bob' })).toBe(1);
  });

  it('answers 422 where a field is missing', async () => {
    const { body } = await put(bob.email, { username: 'bob' }).expect(422);
    expect(body).toEqual({ errors: { name: nameMissing } });
  });
});

describe('POST /api/users/import', () => {
  const post = (body: object) => request(app).post('/api/users/import').send(body);
  const carol = { name: 'Carol', email: 'carol@example.org', username: 'carol' };

  it('inserts what it can, and tells each refused row by its place in the list', async () => {
    await services.signUp(alice);
    const { body } = await post([
      { ...bob, name: '' },
      bob,
      { ...carol, email: alice.email },
      { ...carol, username: 'bob' },
      5,
      carol,
    ]).expect(207);
    expect(body.inserted).toBe(2);
    expect(body.refused.slice(0, 3)).toEqual([
      { row: 0, errors: { name: { ...nameMissing, value: '' } } },
      { row: 2, errors: { email: emailTaken } },
      { row: 3, errors: { username: { ...usernameTaken, value: 'bob' } } },
    ]);
    expect(body.refused[3].row).toBe(4);
    expect(Object.keys(body.refused[3].errors).sort()).toEqual(['email', 'name', 'username']);
    expect(body.refused).toHaveLength(4);
    expect((await services.listUsers()).map(({ username }) => username).sort()).toEqual([
      'alice',
      'bob',
      'carol',
    ]);
  });

  it('tells invalid rows where no row is a duplicate', async () => {
    const { body } = await post([{ ...alice, name: undefined }, bob]).expect(207);
    expect(body).toEqual({ inserted: 1, refused: [{ row: 0, errors: { name: nameMissing } }] });
  });

  it('tells every row where all are invalid', async () => {
    const { body } = await post([{ ...alice, name: undefined }, null]).expect(207);
    expect(body).toMatchObject({ inserted: 0, refused: [{ row: 0 }, { row: 1 }] });
  });

  it('answers 200 where all are inserted', async () => {
    const { body } = await post([alice, bob]).expect(200);
    expect(body).toEqual({ inserted: 2, refused: [] });
  });

  it('answers 400 to a body that is no array, or no JSON', async () => {
    await post(alice).expect(400, { error: 'The body must be a JSON array of users' });
    await request(app).post('/api/users/import').expect(400);
    const malformed = await request(app).post('/api/users/import').type('json').send('[{]');
    expect(malformed.status).toBe(400);
    expect(malformed.body).toEqual({ error: expect.any(String) });
  });
});

describe('an address or a request that nothing can answer', () => {
  it('gets 404, as a page or as JSON', async () => {
    const page = await request(app).get('/nope').expect(404).expect('content-type', /html/);
    expect(page.text).toContain('There is nothing at this address');
    await request(app).get('/api/nope').expect(404, { error: 'There is nothing at this address' });
  });

  it('gets 400 where the address does not decode', async () => {
    await request(app).put('/api/users/%E0').send(alice).expect(400);
  });

  it('gets 500 without details, which go to the log', async () => {
    const failure = new Error('the secret host is down');
    const fail = () => Promise.reject(failure);
    const broken = createApp({ ...services, signUp: fail, listUsers: fail }, tour);
    const log = jest.spyOn(console, 'error').mockReturnValue(undefined);
    const page = await request(broken).get('/users');
    const form = await request(broken).post('/signup');
    const answer = await request(broken).post('/api/users').send(alice);
    const logged = log.mock.calls;
    log.mockRestore();
    expect([page.status, form.status, answer.status]).toEqual([500, 500, 500]);
    expect(page.text + form.text + answer.text).not.toContain('secret');
    expect(page.text).toContain('Something went wrong on our side');
    expect(answer.body).toEqual({ error: 'Something went wrong on our side' });
    expect(logged).toEqual([[failure], [failure], [failure]]);
  });
});
