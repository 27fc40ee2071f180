import { conflict, useExample } from './start-example';

const ask = useExample('typegoose');

it('creates a page of the class, with its getter', async () => {
  const { status, body } = await ask('POST', '/acme/home', { title: 'Home' });
  expect([status, body]).toEqual([201, { path: '/acme/home', title: 'Home' }]);
});

it('answers 409 on one field of the compound index', async () => {
  const { status, type, body } = await ask('POST', '/ACME/Home', { title: 'Other' });
  expect([status, type]).toEqual([409, 'application/problem+json']);
  expect(body).toEqual(conflict('slug', 'This tenant already has a page "home"'));
  expect((await ask('POST', '/other/home', { title: 'Home' })).status).toBe(201);
});

it('publishes by the typed static: creates the page, then counts its edits', async () => {
  const answers = [];
  for (const title of ['About', 'About us'])
    answers.push(await ask('PUT', '/acme/about', { title }));
  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [201, { path: '/acme/about', title: 'About', edits: 1 }],
    [200, { path: '/acme/about', title: 'About us', edits: 2 }],
  ]);
});

it('answers 422 for invalid input', async () => {
  const { status, body } = await ask('PUT', '/acme/about', {});
  expect([status, body.errors[0]]).toEqual([
    422,
    { detail: 'Enter a title', pointer: '#/title', kind: 'required' },
  ]);
});
