import { Router } from 'express';
import { toAuditTable } from './audit-table';
import type { Services } from './services';

/**
 * For those who run the app. Here everybody may look, to show it; in a real app this router has to
 * stand behind a login: the page shows stored values and ids of documents, and while an index is not
 * there, each request costs scans of the whole collection.
 */
export function adminRoutes(services: Services): Router {
  const router = Router();

  router.get('/admin/indexes', async (_request, response) => {
    const tables = (await services.auditIndexes()).map(toAuditTable);
    response.set('Cache-Control', 'no-store');
    response.render('indexes', { tables });
  });

  return router;
}
