import { conflict, useExample } from './start-example';

const ask = useExample('nestjs');
const alice = { email: 'alice@example.org', name: 'Alice' };

it('creates a user', async () => {
  const { status, body } = await ask('POST', '/users', alice);
  expect([status, body]).toEqual([201, expect.objectContaining(alice)]);
});

it('answers 409 by the exception filter, with the message of the schema that applies the plugin', async () => {
  const { status, type, body } = await ask('POST', '/users', alice);
  expect([status, type]).toEqual([409, expect.stringContaining('application/problem+json')]);
  expect(body).toEqual(conflict('email', 'This email is already registered', '/users'));
});

it('has the message of connectionFactory for every other schema', async () => {
  expect((await ask('POST', '/pages/home')).status).toBe(201);
  const { status, body } = await ask('POST', '/pages/home');
  expect(status).toBe(409);
  expect(body).toEqual(conflict('slug', 'This slug is already in use', '/pages/home'));
});

it('answers 422 with each field that is missing', async () => {
  const { status, body } = await ask('POST', '/users', { email: { $gt: '' } });
  expect(status).toBe(422);
  expect(body.errors).toHaveLength(2);
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

it("leaves every other error to NestJS's own filter", async () => {
  expect(await ask('GET', '/nothing')).toMatchObject({ status: 404, body: { statusCode: 404 } });
});
