import { conflict, useExample } from './start-example';

const ask = useExample('fastify');
const alice = { email: 'alice@example.org', name: 'Alice' };

it('creates a user, and answers with what the schema of the response has', async () => {
  const { status, body } = await ask('POST', '/users', alice);
  expect([status, body]).toEqual([201, alice]);
});

it('answers 409 with problem details for a duplicate', async () => {
  const { status, type, body } = await ask('POST', '/users', { ...alice, name: 'Other' });
  expect([status, type]).toEqual([409, expect.stringContaining('application/problem+json')]);
  expect(body).toEqual(conflict('email', 'This email address is already registered', '/users'));
});

it('answers 422 with each field that is missing', async () => {
  const { status, body } = await ask('POST', '/users', {});
  expect(status).toBe(422);
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
    '#/email',
    '#/name',
  ]);
});

it('creates or updates by PUT, many requests at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      ask('PUT', '/users/bob@example.org', { name: `Bob ${n}` }),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([...Array<number>(19).fill(200), 201]);
});

it("leaves every other error to Fastify's own handler", async () => {
  const { status, type } = await ask('POST', '/users', { email: { $gt: '' } });
  expect([status, type]).toEqual([400, expect.stringMatching(/^application\/json/)]);
});
