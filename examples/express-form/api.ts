import { json, Router } from 'express';
import { pickTexts } from './request-fields';
import { USER_FIELDS, type Services } from './services';
import { toFieldErrors } from './validation-response';

/** No try/catch in here: a rejected handler reaches the error handler in app.ts. */
export function apiRoutes(services: Services): Router {
  const router = Router();
  router.use(json());

  router.post('/users', async (request, response) => {
    const user = await services.signUp(pickTexts(request.body, USER_FIELDS));
    response.status(201).json(user);
  });

  router.put('/users/:email', async (request, response) => {
    const input = pickTexts(request.body, USER_FIELDS);
    const { doc, created } = await services.putUser(request.params.email, input);
    response.status(created ? 201 : 200).json(doc);
  });

  router.post('/users/import', async (request, response) => {
    const body: unknown = request.body;
    if (!Array.isArray(body)) {
      response.status(400).json({ error: 'The body must be a JSON array of users' });
      return;
    }
    const rows = body.map((row) => pickTexts(row, USER_FIELDS));
    const { inserted, refused } = await services.importUsers(rows);
    response.status(refused.length === 0 ? 200 : 207).json({
      inserted,
      refused: refused.map(({ row, error }) => ({ row, errors: toFieldErrors(error) })),
    });
  });

  return router;
}
