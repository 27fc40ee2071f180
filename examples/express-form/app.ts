import { STATUS_CODES } from 'node:http';
import path from 'node:path';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { Error as MongooseErrors } from 'mongoose';
import { adminRoutes } from './admin';
import { apiRoutes } from './api';
import { availabilityRoutes } from './availability';
import { formRoutes } from './forms';
import type { Services } from './services';
import { tourRoutes, type Tour } from './tour/routes';
import { toFieldErrors, toStatus } from './validation-response';

export function createApp(services: Services, tour: Tour): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('view engine', 'ejs');
  app.set('views', path.join(__dirname, 'views'));

  app.use(express.static(path.join(__dirname, 'public')));
  app.use('/api', (_request, response, next) => {
    response.locals['isApi'] = true;
    next();
  });
  app.use('/api', availabilityRoutes(services));
  app.use('/api', apiRoutes(services));
  app.use(tourRoutes(tour));
  app.use(formRoutes(services));
  app.use(adminRoutes(services));
  app.use((_request, response) => {
    sendProblem(response, 404, 'There is nothing at this address');
  });
  app.use(handleError);
  return app;
}

const handleError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  if (error instanceof MongooseErrors.ValidationError && isApi(response)) {
    response.status(toStatus(error)).json({ errors: toFieldErrors(error) });
    return;
  }
  const refused = findRefusal(error);
  if (refused !== undefined) {
    sendProblem(response, refused.status, refused.message);
    return;
  }
  // The log has the details; a client must not see them.
  console.error(error);
  sendProblem(response, 500, 'Something went wrong on our side');
};

/** A request that Express itself refused: malformed, too large, an address that does not decode. */
function findRefusal(error: unknown): { status: number; message: string } | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  const { status, message } = error;
  const isRefusal = typeof status === 'number' && status >= 400 && status < 500;
  return isRefusal ? { status, message } : undefined;
}

function sendProblem(response: Response, status: number, message: string): void {
  response.status(status);
  if (isApi(response)) response.json({ error: message });
  else response.render('problem', { title: STATUS_CODES[status], message });
}

function isApi(response: Response): boolean {
  return response.locals['isApi'] === true;
}
