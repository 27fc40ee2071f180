import type { Models } from './models';

/** Counts a sign-in; the first one creates the account, and no count is lost when many come at once. */
export async function countSignIn({ Account }: Models, email: string, at = new Date()) {
  const { doc, created } = await Account.saveOrUpsert(
    { email },
    { onConflict: { $inc: { logins: 1 }, $set: { lastSeenAt: at } }, lean: true },
  );
  return { logins: doc.logins, isFirst: created };
}
