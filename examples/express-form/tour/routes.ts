import { raw, Router, urlencoded, type Request, type RequestHandler } from 'express';
import type { Connection } from 'mongoose';
import { pickTexts } from '../request-fields';
import { causeDuplicate } from './first-duplicate';
import { createImportJobs, toCsv, type OnConflict } from './import-jobs';
import { createLostIndex } from './lost-index';
import { createTourModels } from './models';
import { CALLERS, runRace } from './race';

export interface TourOptions {
  /** Is the database the app's own? Only then may the tour drop an index. */
  isOwnData: boolean;
}

export type Tour = ReturnType<typeof createTour>;

export function createTour(connection: Connection, { isOwnData }: TourOptions) {
  const models = createTourModels(connection);
  return { models, isOwnData, jobs: createImportJobs(models), index: createLostIndex(models) };
}

/** The tour's pages: each works without JavaScript, and every POST does what its button says. */
export function tourRoutes({ models, isOwnData, jobs, index }: Tour): Router {
  const router = Router();

  router.get('/', (_request, response) => {
    response.render('tour/home', { duplicate: undefined });
  });
  router.post('/', async (_request, response) => {
    response.render('tour/home', { duplicate: await causeDuplicate(models) });
  });

  router.get('/race', (_request, response) => {
    response.render('tour/race', { callers: CALLERS, results: [] });
  });
  router.post('/race', async (_request, response) => {
    response.render('tour/race', { callers: CALLERS, results: await runRace(models) });
  });

  router.get('/import', (_request, response) => {
    response.render('tour/import', { csv: EXAMPLE, message: undefined });
  });
  router.post('/import', ...FORM, async (request, response) => {
    const { csv, onConflict } = await readImport(request);
    try {
      response.redirect(303, `/import/${(await jobs.start(csv, onConflict)).id}`);
    } catch {
      const message = 'This is no CSV: a quote is never closed, or a quote stands inside a field';
      response.status(422).render('tour/import', { csv, message });
    }
  });
  router.get('/import/:id', (request, response, next) => {
    const job = jobs.find(request.params.id);
    if (job) response.set('Cache-Control', 'no-store').render('tour/import-job', { job });
    else next();
  });
  router.post('/import/:id/cancel', (request, response) => {
    jobs.find(request.params.id)?.cancel();
    response.redirect(303, `/import/${request.params.id}`);
  });
  router.get('/import/:id/results.csv', (request, response, next) => {
    const job = jobs.find(request.params.id);
    if (job) response.attachment('results.csv').send(toCsv(job.rows));
    else next();
  });

  router.get('/indexes', async (_request, response) => {
    response.render('tour/indexes', { ...(await index.look()), isOwnData, reason: undefined });
  });
  const ownDataOnly: RequestHandler = (_request, response, next) => {
    if (isOwnData) next();
    else response.status(403).render('problem', { title: 'Forbidden', message: NOT_OWN });
  };
  router.post('/indexes/lose', ownDataOnly, async (_request, response) => {
    await index.lose();
    response.redirect(303, '/indexes');
  });
  router.post('/indexes/merge', ownDataOnly, async (_request, response) => {
    await index.merge();
    response.redirect(303, '/indexes');
  });
  router.post('/indexes/build', ownDataOnly, async (_request, response) => {
    const reason = await index.build();
    if (reason === undefined) response.redirect(303, '/indexes');
    else
      response.status(409).render('tour/indexes', { ...(await index.look()), isOwnData, reason });
  });

  return router;
}

const NOT_OWN = 'This database is yours, so the tour changes no index and deletes nothing';

const EXAMPLE = `email,name,customerNumber
alice@example.org,Alice,1
bob@example.org,Bob,2
nobody,Nobody,3
carol@example.org,Carol,1
`;

/** A form with a file is multipart. */
const FORM = [
  urlencoded({ limit: '2mb' }),
  raw({ type: 'multipart/form-data', limit: '2mb' }),
] as RequestHandler[];

async function readImport(request: Request): Promise<{ csv: string; onConflict: OnConflict }> {
  const { csv = '', onConflict } = await readFields(request);
  return { csv, onConflict: onConflict === 'skip' ? 'skip' : 'update' };
}

async function readFields(request: Request): Promise<{ csv?: string; onConflict?: string }> {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body)) return pickTexts(body, ['csv', 'onConflict'] as const);
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  // The body is small and in memory; a site with large uploads needs a streaming parser.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const form = await new Response(new Uint8Array(body), { headers }).formData();
  const file = form.get('file');
  const isUpload = file instanceof File && file.size > 0;
  const csv = isUpload ? await file.text() : form.get('csv');
  const onConflict = form.get('onConflict');
  return pickTexts({ csv, onConflict }, ['csv', 'onConflict'] as const);
}
