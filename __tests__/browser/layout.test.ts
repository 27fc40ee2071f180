import type { Page } from 'playwright-core';
import { findViolations } from './accessibility';
import { alice, fill, send, useSite } from './site';

const { models, services, tour, open } = useSite();
const { User, Page: PageModel } = models;

/** Without a place to break a line. */
const long = 'x'.repeat(120);

/** Pages and their states, each with the text that shows that the page has come to it. */
const STATES: [string, string, string, (page: Page) => Promise<unknown>][] = [
  ['the blank form', '/signup', 'User name', () => Promise.resolve()],
  [
    'the form with errors',
    '/signup',
    'There is a problem',
    async (page) => {
      await services.signUp({ ...alice, username: long });
      await fill(page, { name: long, email: alice.email, username: long });
      await send(page, () => page.keyboard.press('Enter'));
    },
  ],
  [
    'the form with invalid input',
    '/signup',
    'Choose a user name',
    (page) => send(page, () => page.getByRole('button', { name: 'Sign up' }).click()),
  ],
  [
    'the form that says what is free and what is taken',
    '/signup',
    'This is still free',
    async (page) => {
      await services.signUp(alice);
      await fill(page, { email: alice.email });
      await page.locator('#email-availability').getByText('registered').waitFor();
      await fill(page, { username: 'new' });
    },
  ],
  [
    'the page form with an error',
    '/pages',
    'This tenant has a page with this slug already',
    async (page) => {
      await services.createPage({ tenant: 'acme', slug: 'home' });
      await page.getByLabel('Tenant').fill('acme');
      await page.getByLabel('Slug').fill('home');
      await send(page, () => page.keyboard.press('Enter'));
    },
  ],
  ['no users', '/users', 'Nobody has signed up yet', () => Promise.resolve()],
  [
    'the users',
    '/users',
    'Alice (@alice)',
    async (page) => {
      await services.signUp({ name: long, email: `${long}@example.org`, username: long });
      await services.signUp(alice);
      await page.reload();
    },
  ],
  ['the indexes', '/admin/indexes', 'All is as the schemas declare it', () => Promise.resolve()],
  [
    'the indexes, some not as declared',
    '/admin/indexes',
    'Build it: await User.createIndexes()',
    async (page) => {
      await User.collection.dropIndexes();
      await User.collection.insertMany([{ email: long }, { email: long }]);
      await PageModel.collection.dropIndexes();
      const keys = { tenant: 1, slug: 1 } as const;
      await PageModel.collection.createIndex(keys, { unique: true, name: long }, {});
      await page.reload();
    },
  ],
  [
    'the first page with a duplicate',
    '/',
    'E11000',
    (page) => send(page, () => page.getByRole('button').click()),
  ],
  [
    'the race',
    '/race',
    'The same in numbers',
    (page) => send(page, () => page.getByRole('button').click()),
  ],
  ['the import', '/import', 'Contacts that exist', () => Promise.resolve()],
  [
    'the results of an import',
    '/import',
    'Download the results as CSV',
    async (page) => {
      await page.getByLabel('CSV with').fill(`email,name\n${long}@x,${long}\nnobody,${long}`);
      await send(page, () => page.getByRole('button', { name: 'Import' }).click());
    },
  ],
  [
    'a lost index',
    '/indexes',
    'blocked by 1 key',
    (page) => send(page, () => page.getByRole('button', { name: 'Lose' }).click()),
  ],
  [
    'an address that leads nowhere',
    '/nope',
    'There is nothing at this address',
    () => Promise.resolve(),
  ],
];

interface Box {
  text: string;
  isVisible: boolean;
  left: number;
  right: number;
}

/** All that a visitor has to see or to reach. */
const findBoxes = (page: Page): Promise<Box[]> =>
  page.evaluate(`
    [...document.querySelectorAll('a, input, label, button, .message, .summary, .notice, td, th')]
      .map((element) => {
        const { left, right, width, height } = element.getBoundingClientRect();
        const how = { visibilityProperty: true, opacityProperty: true };
        const isVisible = width > 0 && height > 0 && element.checkVisibility(how);
        return { text: element.outerHTML, isVisible, left, right };
      })
  `);

afterEach(async () => {
  await User.deleteMany();
  await tour.models.Contact.deleteMany();
  for (const model of [User, PageModel, tour.models.Contact]) await model.collection.dropIndexes();
});

it.each(STATES)(
  '%s: all of it is visible on a phone and on a desk, and no rule of axe is violated',
  async (_, path, shown, arrange) => {
    const page = await open(path);
    await arrange(page);
    await page.getByText(shown).first().waitFor();
    for (const [width, colorScheme] of [
      [360, 'light'],
      [1280, 'light'],
      [360, 'dark'],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 740 });
      // Wider than the window, it would scroll sideways.
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      const boxes = await findBoxes(page);
      expect(boxes.length).toBeGreaterThan(3);
      expect(boxes.filter(({ isVisible }) => !isVisible)).toEqual([]);
      expect(boxes.filter(({ left, right }) => left < 0 || right > width)).toEqual([]);
      expect(await findViolations(page)).toEqual([]);
    }
  },
);
