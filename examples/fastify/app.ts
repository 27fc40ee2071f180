import fastify, { type FastifyInstance } from 'fastify';
import { toProblemDetails } from 'mongoose-unique-guard';
import { User } from './user';

const user = {
  type: 'object',
  properties: { email: { type: 'string' }, name: { type: 'string' } },
};
/** What a client may rely on, and nothing else leaves the server. */
const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'errors'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['detail', 'pointer', 'kind'],
        properties: {
          detail: { type: 'string' },
          pointer: { type: 'string' },
          kind: { type: 'string' },
        },
      },
    },
  },
};
const answers = { '2xx': user, 409: problem, 422: problem };
/** Mongoose validates what is required and how it looks; this keeps operators such as `$gt` out. */
const body = { ...user, additionalProperties: false };

interface UserBody {
  email?: string;
  name?: string;
}

export function createApp(): FastifyInstance {
  const app = fastify();

  app.setErrorHandler((error, request, reply) => {
    const details = toProblemDetails(error, { instance: request.url });
    // Fastify's own handler answers everything else.
    if (details === undefined) return reply.send(error);
    return reply.code(details.status).type('application/problem+json').send(details);
  });

  app.post<{ Body: UserBody }>(
    '/users',
    { schema: { body, response: answers } },
    async (request, reply) => {
      const created = await User.create(request.body);
      return reply.code(201).send(created);
    },
  );

  app.put<{ Body: UserBody; Params: { email: string } }>(
    '/users/:email',
    { schema: { body, response: answers } },
    async ({ body: input, params: { email } }, reply) => {
      const { doc, created } = await User.saveOrUpsert({ ...input, email });
      return reply.code(created ? 201 : 200).send(doc);
    },
  );

  return app;
}
