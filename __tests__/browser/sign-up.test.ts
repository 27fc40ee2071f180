import { tell } from './accessibility';
import { alice, bob, fill, send, useSite } from './site';

const { models, services, open } = useSite();
const { User } = models;

/** As assistive technology is told of them; the rest is the same in all. */
const inputs = async (page: Awaited<ReturnType<typeof open>>) =>
  (await tell(page, 'textbox')).map(({ name, value, description, isInvalid, isFocused }) => ({
    name,
    value,
    description,
    isInvalid,
    isFocused,
  }));

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('the sign-up form %s', (_, javaScriptEnabled) => {
  const visit = () => open('/signup', { javaScriptEnabled });

  it('is blank at first: nothing is invalid, and nothing takes the focus', async () => {
    const page = await visit();
    const blank = { value: '', description: '', isInvalid: false, isFocused: false };
    expect(await inputs(page)).toEqual([
      { name: 'Name', ...blank },
      { name: 'Email address', ...blank },
      { name: 'User name', ...blank },
    ]);
    expect(await page.title()).toBe('Sign up');
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('signs up, and a reload of the next page does not do it again', async () => {
    const page = await visit();
    await fill(page, alice);
    await send(page, () => page.getByRole('button', { name: 'Sign up' }).click());
    expect(new URL(page.url()).pathname).toBe('/users');
    const cells = () => page.getByRole('cell').allTextContents();
    expect(await cells()).toEqual(['Alice (@alice)', 'alice@example.org']);
    await page.reload();
    expect(await cells()).toHaveLength(2);
    expect(await User.countDocuments()).toBe(1);
  });

  it('says beside both inputs what is taken, focuses the first, keeps what was typed', async () => {
    await services.signUp(alice);
    const page = await visit();
    await fill(page, { name: 'Al', email: 'Alice@example.org', username: 'ALICE' });
    expect(await send(page, () => page.keyboard.press('Enter'))).toBe(409);
    await page.locator('#email:focus').waitFor();
    expect(await inputs(page)).toEqual([
      { name: 'Name', value: 'Al', description: '', isInvalid: false, isFocused: false },
      {
        name: 'Email address',
        value: 'Alice@example.org',
        description: 'This email is already registered',
        isInvalid: true,
        isFocused: true,
      },
      {
        name: 'User name',
        value: 'ALICE',
        description: 'This user name is taken',
        isInvalid: true,
        isFocused: false,
      },
    ]);
    for (const name of ['email', 'username']) {
      const [message, input] = await Promise.all(
        [`#${name}-error`, `#${name}`].map((id) => page.locator(id).boundingBox()),
      );
      if (!message || !input) throw new Error(`${name} or its message is not visible`);
      const gap = input.y - (message.y + message.height);
      expect(gap).toBeGreaterThanOrEqual(0);
      expect(gap).toBeLessThan(16);
      expect(message.x).toBe(input.x);
    }
    expect(await page.title()).toBe('Error: Sign up');
    expect(await User.countDocuments()).toBe(1);
  });

  it('leads from the summary of the errors to each input', async () => {
    await services.signUp(alice);
    const page = await visit();
    await fill(page, alice);
    await send(page, () => page.keyboard.press('Enter'));
    const links = page.getByRole('alert').getByRole('link');
    expect(await links.allTextContents()).toEqual([
      'This email is already registered',
      'This user name is taken',
    ]);
    await links.nth(1).click();
    await page.locator('#username:focus').waitFor();
    await links.nth(0).click();
    await page.locator('#email:focus').waitFor();
  });

  it('takes what was mended, field by field', async () => {
    await services.signUp(alice);
    const page = await visit();
    await fill(page, { ...alice, name: 'Bob' });
    await send(page, () => page.keyboard.press('Enter'));
    await fill(page, { email: bob.email });
    expect(await send(page, () => page.keyboard.press('Enter'))).toBe(409);
    await page.locator('#username:focus').waitFor();
    expect((await inputs(page)).map(({ isInvalid }) => isInvalid)).toEqual([false, false, true]);
    await fill(page, { username: bob.username });
    expect(await send(page, () => page.keyboard.press('Enter'))).toBe(303);
    expect(new URL(page.url()).pathname).toBe('/users');
    expect(await User.countDocuments(bob)).toBe(1);
  });

  it("shows the server's messages, not the browser's own, where input is missing", async () => {
    const page = await visit();
    await fill(page, { email: 'nobody' });
    expect(await send(page, () => page.getByRole('button', { name: 'Sign up' }).click())).toBe(422);
    await page.locator('#name:focus').waitFor();
    expect((await inputs(page)).map(({ value, description }) => [value, description])).toEqual([
      ['', 'Enter your name'],
      ['nobody', 'Enter an email address like name@example.org'],
      ['', 'Choose a user name'],
    ]);
  });
});

it('asks nothing of the server while one types without JavaScript', async () => {
  const page = await open('/signup', { javaScriptEnabled: false });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await fill(page, alice);
  await send(page, () => page.keyboard.press('Enter'));
  expect(asked).toEqual(['/signup', '/users', '/style.css']);
});
