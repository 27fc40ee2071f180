import type { Page } from 'playwright-core';
import { alice, bob, send, useSite } from './site';

const { models, services, open } = useSite();

/** What has the focus, and whether one sees that. */
const focused = (page: Page): Promise<{ what: string; hasOutline: boolean }> =>
  page.evaluate(`(() => {
    const { id, textContent } = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    const hasOutline = outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2;
    return { what: id || textContent.trim(), hasOutline };
  })()`);

/** Presses Tab until this has the focus, and says over what it went. */
async function tabTo(page: Page, what: string): Promise<string[]> {
  const way: string[] = [];
  while (way.at(-1) !== what) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    expect(now).toEqual({ what: now.what, hasOutline: true });
    way.push(now.what);
    expect(way.length).toBeLessThan(25);
  }
  return way;
}

/** Over what stands there. */
async function overwrite(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

it('goes by Tab through the page in the order that one reads it, and Enter sends', async () => {
  const page = await open('/signup');
  expect(await tabTo(page, 'name')).toEqual([
    ...['Start', 'Race', 'Import', 'Indexes', 'Sign up', 'Users', 'New page'],
    'name',
  ]);
  await page.keyboard.type(alice.name);
  expect(await tabTo(page, 'email')).toEqual(['email']);
  await page.keyboard.type(alice.email);
  expect(await tabTo(page, 'username')).toEqual(['username']);
  await page.keyboard.type(alice.username);
  expect(await tabTo(page, 'Sign up')).toEqual(['Sign up']);
  expect(await send(page, () => page.keyboard.press('Enter'))).toBe(303);
  expect(await models.User.countDocuments(alice)).toBe(1);
});

it('mends what is taken from where the focus is, and sends by Enter in an input', async () => {
  await services.signUp(alice);
  const page = await open('/signup');
  for (const name of ['name', 'email', 'username'] as const) {
    await tabTo(page, name);
    await page.keyboard.type(alice[name]);
  }
  expect(await send(page, () => page.keyboard.press('Enter'))).toBe(409);
  await page.locator('#email:focus').waitFor();
  expect(await focused(page)).toEqual({ what: 'email', hasOutline: true });
  await overwrite(page, bob.email);
  expect(await tabTo(page, 'username')).toEqual(['username']);
  await overwrite(page, bob.username);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  expect((await focused(page)).what).toBe('name');
  await overwrite(page, bob.name);
  expect(await send(page, () => page.keyboard.press('Enter'))).toBe(303);
  expect(await models.User.countDocuments(bob)).toBe(1);
});

it('goes from the summary of the errors to an input by Enter', async () => {
  await services.signUp(alice);
  const page = await open('/signup');
  for (const name of ['name', 'email', 'username'] as const) {
    await tabTo(page, name);
    await page.keyboard.type(alice[name]);
  }
  await send(page, () => page.keyboard.press('Enter'));
  await page.locator('#email:focus').waitFor();
  // Back over the name, the summary stands before the form.
  for (let back = 0; back < 2; back += 1) await page.keyboard.press('Shift+Tab');
  expect((await focused(page)).what).toBe('This user name is taken');
  await page.keyboard.press('Enter');
  await page.locator('#username:focus').waitFor();
});

it('leads from the users to the indexes and back', async () => {
  const page = await open('/users');
  await tabTo(page, 'What keeps each of them unique');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/admin/indexes');
  await tabTo(page, 'Back to the users');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/users');
});
