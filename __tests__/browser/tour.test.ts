import type { Page } from 'playwright-core';
import { send, useSite } from './site';

const { tour, open } = useSite();
const { Contact, Counter } = tour.models;

const press = (page: Page, name: string) =>
  send(page, () => page.getByRole('button', { name }).click());
const report = (page: Page) => page.locator('pre').innerText();

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('the tour %s', (_, javaScriptEnabled) => {
  const visit = (path: string) => open(path, { javaScriptEnabled });

  it('shows the error of the driver beside that of the plugin, from a real write', async () => {
    const page = await visit('/');
    expect(await page.locator('pre').count()).toBe(0);
    await press(page, 'Write it twice');
    const [raw, converted, problem] = await page.locator('pre').allInnerTexts();
    expect(raw).toMatch(/^MongoServerError: E11000 duplicate key error/);
    expect(converted).toMatch(/^ValidationError: .*key: Path `key` must be unique/);
    expect(problem).toContain("pointer: '#/key'");
    expect(await Counter.countDocuments()).toBe(1);
  });

  it('races 50 callers by each way: nobody fails with saveOrUpsert', async () => {
    const page = await visit('/race');
    await press(page, 'Run the race');
    const rows = await page.locator('tbody tr').all();
    const numbers = await Promise.all(
      rows.map(async (row) => (await row.locator('td').allInnerTexts()).map(Number)),
    );
    expect(numbers).toHaveLength(3);
    for (const [created = 0, updated = 0, failed = 0] of numbers) {
      expect([created, created + updated + failed]).toEqual([1, 50]);
    }
    expect(numbers[1]?.slice(0, 3)).toEqual([1, 0, 49]);
    expect(numbers[2]?.slice(0, 3)).toEqual([1, 49, 0]);
    await page.getByRole('img', { name: /table below has the numbers/ }).waitFor();
    expect(await page.locator('svg rect').count()).toBe(9);
  });

  it('imports a CSV row by row, and offers the results as CSV', async () => {
    const page = await visit('/import');
    await press(page, 'Import');
    const download = page.getByRole('link', { name: 'Download' });
    // Without JavaScript a visitor reloads the page until the import has ended.
    while (!javaScriptEnabled && !(await download.isVisible())) await page.reload();
    await download.waitFor();
    const outcomes = (await page.locator('tbody td:last-child').allInnerTexts()).map(
      (text) => text.split('\n')[0],
    );
    expect(outcomes).toEqual(['created', 'created', 'refused', 'refused']);
    const csv = await page.request.get((await download.getAttribute('href')) ?? '');
    expect(await csv.text()).toContain('"5","carol@example.org","refused","');
    expect(await Contact.countDocuments()).toBe(2);
  });

  it('imports a file, and leaves contacts unchanged where asked to', async () => {
    await Contact.create({ email: 'a@x', name: 'A' });
    const page = await visit('/import');
    const buffer = Buffer.from('email,name\na@x,Other\n=b@x,B\n');
    await page
      .getByLabel('Or a CSV file')
      .setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer });
    await page.getByLabel('Leave them unchanged').check();
    await press(page, 'Import');
    if (!javaScriptEnabled) await page.reload();
    await page.getByText('1 created, 0 updated, 1 unchanged, 0 refused').waitFor();
    const href = await page.getByRole('link', { name: 'Download' }).getAttribute('href');
    expect(await (await page.request.get(href ?? '')).text()).toContain(`"'=b@x"`);
    expect((await Contact.findOne({ email: 'a@x' }))?.name).toBe('A');
  });

  it('loses an index, says why it cannot be built, and gets it back step by step', async () => {
    const page = await visit('/indexes');
    expect(await page.getByRole('button', { name: 'Merge' }).isDisabled()).toBe(true);
    await press(page, 'Lose the index');
    expect(await report(page)).toContain('missing, blocked by 1 key in 2 documents');
    expect(await press(page, 'Build the index')).toBe(409);
    await page.getByRole('alert').getByText('could not be built').first().waitFor();
    await press(page, 'Merge the duplicates');
    expect(await Contact.countDocuments()).toBe(1);
    expect(await press(page, 'Build the index')).toBe(303);
    expect(await report(page)).toContain('All 2 unique indexes are as declared');
  });
});

it('cancels an import: the rows before stay, those after are not written', async () => {
  const page = await open('/import', { javaScriptEnabled: false });
  const rows = Array.from({ length: 5000 }, (_, n) => `user${String(n)}@x,U`);
  const buffer = Buffer.from(`email,name\n${rows.join('\n')}`);
  const file = { name: 'many.csv', mimeType: 'text/csv', buffer };
  await page.getByLabel('Or a CSV file').setInputFiles(file);
  await press(page, 'Import');
  await press(page, 'Cancel');
  for (let tries = 0; tries < 50 && (await page.title()).endsWith('running'); tries += 1) {
    await page.waitForTimeout(100);
    await page.reload();
  }
  expect(await page.title()).toBe('Import: cancelled');
  expect(await Contact.countDocuments()).toBeLessThan(5000);
});
