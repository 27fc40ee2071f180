/** One error handler for a JSON API: 409 for duplicates, 422 for other invalid input. */
import { once } from 'node:events';
import express, { type ErrorRequestHandler } from 'express';
import { model, Schema } from 'mongoose';
import { toProblemDetails, uniqueGuard } from 'mongoose-unique-guard';

const accountSchema = new Schema({ email: { type: String, required: true, unique: true } });
accountSchema.plugin(uniqueGuard);
const Account = model('Account', accountSchema);

const answerValidationErrors: ErrorRequestHandler = (error, _request, response, next) => {
  const problem = toProblemDetails(error);
  if (problem) response.status(problem.status).type('application/problem+json').json(problem);
  else next(error);
};

const app = express().use(express.json());
app.post('/accounts', async (request, response) => {
  const { email } = request.body as { email: string };
  response.status(201).json(await Account.create({ email }));
});
app.use(answerValidationErrors);

export async function run(): Promise<void> {
  await Account.init();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const headers = { 'content-type': 'application/json' };
  for (const email of ['alice@example.com', 'alice@example.com', undefined]) {
    const request = { method: 'POST', headers, body: JSON.stringify({ email }) };
    const response = await fetch(`http://127.0.0.1:${String(port)}/accounts`, request);
    const { errors } = (await response.json()) as { errors?: { detail: string }[] };
    console.log(response.status, errors?.[0]?.detail ?? 'created');
  }
  // 201 created
  // 409 Path `email` must be unique.
  // 422 Path `email` is required.
  server.close().closeAllConnections();
}
