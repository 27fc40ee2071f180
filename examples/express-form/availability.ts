import { Router, type RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { pickTexts } from './request-fields';
import { ASKABLE_FIELDS, type Services } from './services';

/** Longer than any address; nobody types more. */
const MAX_LENGTH = 254;

/** One answer to all that no form would send, so that it tells nothing of what is stored. */
const MALFORMED = { error: 'Ask for one valid email or username' };

/**
 * Ends a request whose visitor has gone already, as one does who types on: such a one has no address
 * that the limit could count, and waits for no answer.
 */
const dropGone: RequestHandler = (request, response, next) => {
  if (request.ip === undefined) response.destroy();
  else next();
};

/**
 * Says while a visitor types whether an e-mail address or a user name is free. Whoever may ask this
 * may learn who has an account, so each client may ask as often as typing takes, and no list of names
 * at once. The limit counts addresses in the memory of this one process: several processes need a
 * shared store, and behind a proxy Express must be told (`trust proxy`) whose address counts.
 */
export function availabilityRoutes(services: Services): Router {
  const router = Router();
  const limit = rateLimit({
    windowMs: 60_000,
    limit: 30,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    message: { error: 'Too many questions at once. The form itself will tell.' },
  });

  router.get('/availability', dropGone, limit, async (request, response) => {
    response.set('Cache-Control', 'no-store');
    const asked = Object.entries(pickTexts(request.query, ASKABLE_FIELDS));
    const [first] = asked;
    const isOne = asked.length === 1 && Object.keys(request.query).length === 1;
    if (first === undefined || !isOne || first[1].length > MAX_LENGTH) {
      response.status(400).json(MALFORMED);
      return;
    }
    const [field, value] = first as [(typeof ASKABLE_FIELDS)[number], string];
    const message = await services.findTakenMessage(field, value);
    if (message === undefined) response.status(400).json(MALFORMED);
    else response.json({ available: message === null, message });
  });

  return router;
}
