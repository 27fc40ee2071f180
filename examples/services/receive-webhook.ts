import type { ClientSession } from 'mongoose';
import type { Models } from './models';

export interface IncomingEvent {
  eventId: string;
  type: string;
  payload?: unknown;
}

/**
 * Handles an event once, however often and however many times at once it is delivered; false where it
 * was handled before. The event and what `handle` writes with its session are stored together or not
 * at all, so that the next delivery repeats what failed.
 */
export async function receiveWebhook(
  { WebhookEvent }: Models,
  event: IncomingEvent,
  handle: (event: IncomingEvent, session: ClientSession) => Promise<void>,
): Promise<boolean> {
  let isHandled = false;
  await WebhookEvent.db.transaction(async (session) => {
    // Only of the last run: the driver runs this again where two deliveries meet.
    isHandled = false;
    const { created } = await WebhookEvent.saveOrUpsert(event, { onConflict: 'skip', session });
    if (!created) return;
    await handle(event, session);
    isHandled = true;
  });
  return isHandled;
}
