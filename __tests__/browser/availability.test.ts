import type { Page } from 'playwright-core';
import { tell } from './accessibility';
import { alice, fill, send, useSite } from './site';

const { services, open, holdAnswers } = useSite();

beforeEach(() => services.signUp(alice));

/** The form with a clock that stands still, and the questions that it asks. */
async function visit(): Promise<{ page: Page; asked: string[] }> {
  const page = await open('/signup');
  await page.clock.install({ time: 0 });
  await page.reload();
  await page.clock.pauseAt(1000);
  const asked: string[] = [];
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname === '/api/availability') asked.push(decodeURIComponent(search));
  });
  return { page, asked };
}

const hint = (page: Page, name: string, text: string) =>
  page.locator(`#${name}-availability`).getByText(text, { exact: true }).waitFor();
const hints = (page: Page) => page.locator('output').allTextContents();

/** What the page does with an answer is done before the next one has come. */
const settle = (page: Page) =>
  page.evaluate(`fetch('/style.css').then((response) => response.text())`);

it('asks once, when the visitor has paused for 400 ms', async () => {
  const { page, asked } = await visit();
  await page.getByLabel('Email address').pressSequentially('Alice@example.or');
  await page.clock.runFor(399);
  await page.keyboard.press('g');
  await page.clock.runFor(399);
  expect(asked).toEqual([]);
  await page.clock.runFor(1);
  await hint(page, 'email', 'This email is already registered');
  await page.clock.runFor(5000);
  expect(asked).toEqual(['?email=Alice@example.org']);
});

it('says what is free, and takes it back with the next key', async () => {
  const { page } = await visit();
  await page.getByLabel('User name').pressSequentially('alic');
  await page.clock.runFor(400);
  await hint(page, 'username', 'This is still free');
  await page.keyboard.press('e');
  expect(await hints(page)).toEqual(['', '']);
  await page.clock.runFor(400);
  await hint(page, 'username', 'This user name is taken');
});

it('asks nothing of an address that is none yet, nor of a name', async () => {
  const { page, asked } = await visit();
  await page.getByLabel('Email address').pressSequentially('alice');
  await page.clock.runFor(5000);
  await fill(page, { name: 'Alice' });
  await page.clock.runFor(5000);
  expect(asked).toEqual([]);
  await fill(page, { email: 'a@b', username: 'x' });
  await page.clock.runFor(400);
  await hint(page, 'email', 'This is still free');
  await hint(page, 'username', 'This is still free');
  await fill(page, { email: '', username: '' });
  await page.clock.runFor(5000);
  expect(asked).toEqual(['?email=a@b', '?username=x']);
  expect(await hints(page)).toEqual(['', '']);
});

it('drops the answer to a text that has changed since, however late it comes', async () => {
  const { page } = await visit();
  let release: () => void = () => undefined;
  let arrived: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const isHeld = new Promise<void>((resolve) => (arrived = resolve));
  holdAnswers((value) => {
    if (value !== 'alice') return undefined;
    arrived();
    return released;
  });
  const ofAlice = (request: { url: () => string }) => request.url().endsWith('username=alice');
  // It ends one way or the other: given up by the page, or answered.
  const ended = Promise.race([
    page.waitForEvent('requestfailed', ofAlice),
    page.waitForEvent('requestfinished', ofAlice),
  ]);
  await page.getByLabel('User name').pressSequentially('alice');
  await page.clock.runFor(400);
  await isHeld;
  await page.keyboard.type('2');
  await page.clock.runFor(400);
  await hint(page, 'username', 'This is still free');
  release();
  await ended;
  await settle(page);
  expect(await hints(page)).toEqual(['', 'This is still free']);
});

it('announces it politely, in a place that is there before', async () => {
  const { page } = await visit();
  const before = await tell(page, 'status');
  expect(before.map(({ live }) => live)).toEqual(['polite', 'polite']);
  await page.getByLabel('Email address').fill('new@example.org');
  await page.clock.runFor(400);
  await hint(page, 'email', 'This is still free');
  const after = await tell(page, 'status');
  expect(after.map(({ element }) => element)).toEqual(before.map(({ element }) => element));
  // The focus stays where one types.
  await page.locator('#email:focus').waitFor();
});

it('says nothing where no answer comes, and the form works all the same', async () => {
  const { page, asked } = await visit();
  await page.route('**/api/availability?*', (route) => route.abort());
  const failed = page.waitForEvent('requestfailed');
  await fill(page, alice);
  await page.clock.runFor(400);
  await failed;
  await settle(page);
  expect(asked).toEqual(['?email=alice@example.org', '?username=alice']);
  expect(await hints(page)).toEqual(['', '']);
  expect(await send(page, () => page.keyboard.press('Enter'))).toBe(409);
});

it('takes back what the server said of an input, once it holds what is free', async () => {
  const { page } = await visit();
  await fill(page, alice);
  await send(page, () => page.keyboard.press('Enter'));
  const told = async () =>
    (await tell(page, 'textbox')).map(({ description, isInvalid }) => [description, isInvalid]);
  const refused = [
    ['', false],
    ['This email is already registered', true],
    ['This user name is taken', true],
  ];
  expect(await told()).toEqual(refused);
  await fill(page, { email: 'Alice@example.org' });
  await page.clock.runFor(400);
  await hint(page, 'email', 'This email is already registered');
  expect(await told()).toEqual(refused);
  await fill(page, { email: 'new@example.org' });
  await page.clock.runFor(400);
  await hint(page, 'email', 'This is still free');
  expect(await told()).toEqual([['', false], ['', false], refused[2]]);
  const messages = page.locator('.field .message, .summary a');
  expect(await messages.allTextContents()).toEqual([
    'This user name is taken',
    'This user name is taken',
  ]);
  await fill(page, { username: 'new' });
  await page.clock.runFor(400);
  await hint(page, 'username', 'This is still free');
  expect(await messages.count()).toBe(0);
  expect(await page.getByRole('alert').count()).toBe(0);
});
