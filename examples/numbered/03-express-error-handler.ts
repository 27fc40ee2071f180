/** One error handler for a JSON API: 409 for what is taken, 422 for other invalid input. */
import { once } from 'node:events';
import express, { type ErrorRequestHandler } from 'express';
import { Error as MongooseErrors, model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const accountSchema = new Schema({ email: { type: String, required: true, unique: true } });
accountSchema.plugin(uniqueGuard);
const Account = model('Account', accountSchema);

const answerValidationErrors: ErrorRequestHandler = (error, _request, response, next) => {
  if (!(error instanceof MongooseErrors.ValidationError)) {
    next(error);
    return;
  }
  response.status(isUniqueValidationError(error) ? 409 : 422).json({ errors: error.errors });
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
  const url = `http://127.0.0.1:${String(port)}/accounts`;
  const body = JSON.stringify({ email: 'alice@example.com' });
  const headers = { 'content-type': 'application/json' };
  const signUp = () => fetch(url, { method: 'POST', headers, body });
  console.log((await signUp()).status); // 201
  console.log((await signUp()).status); // 409
  server.close().closeAllConnections();
}
