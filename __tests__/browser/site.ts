/** The example as a visitor meets it: the app on a port, with its database, in a real browser. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { createApp } from '../../examples/express-form/app';
import { createModels } from '../../examples/express-form/models';
import { createServices } from '../../examples/express-form/services';
import { createTour } from '../../examples/express-form/tour/routes';
import type { AnyModel } from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import { findChromium } from './find-chromium';

/** What is not there by then never comes, in milliseconds. */
const PATIENCE = 10_000;

/** Each test has an empty database and a limit of questions of its own; all ends with the file. */
export function useSite() {
  const { connection } = useDatabase();
  const models = createModels(connection);
  const services = createServices(models);
  const tour = createTour(connection, { isOwnData: true });
  const all = [models, tour.models].flatMap<AnyModel>(Object.values);
  const pages: Page[] = [];
  const failures: Error[] = [];
  let browser: Browser;
  let server: Server;
  let app: RequestListener;
  let hold: (value: string) => Promise<void> | undefined;

  beforeAll(async () => {
    for (const model of all) await model.createCollection();
    browser = await chromium.launch({ executablePath: findChromium(process.env) });
    server = createServer((request, response) => {
      app(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(async () => {
    hold = () => undefined;
    const asked: typeof services.findTakenMessage = async (field, value) => {
      await hold(value);
      return services.findTakenMessage(field, value);
    };
    app = createApp({ ...services, findTakenMessage: asked }, tour) as RequestListener;
    for (const model of all) {
      await model.deleteMany();
      await model.ensureIndexes();
    }
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close();
    // A script of the page that throws is a failure, whatever the test looked at.
    expect(failures.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    server.close();
  });

  return {
    tour,
    models,
    services,
    /** Keeps answers to a visitor's questions back, where it returns a promise: until that is kept. */
    holdAnswers: (until: typeof hold): void => {
      hold = until;
    },
    open: async (path: string, options: BrowserContextOptions = {}): Promise<Page> => {
      const { port } = server.address() as AddressInfo;
      const context = await browser.newContext({
        baseURL: `http://127.0.0.1:${port}`,
        ...options,
      });
      context.setDefaultTimeout(PATIENCE);
      const page = await context.newPage();
      pages.push(page);
      page.on('pageerror', (error) => failures.push(error));
      await page.goto(path);
      return page;
    },
  };
}

/** Sends the form from where the focus is, and waits for the page that answers; its status. */
export async function send(page: Page, act: () => Promise<unknown>): Promise<number> {
  const [response] = await Promise.all([
    page.waitForResponse((one) => one.request().method() === 'POST'),
    page.waitForEvent('load'),
    act(),
  ]);
  return response.status();
}

export interface Person {
  name: string;
  email: string;
  username: string;
}

export async function fill(page: Page, { name, email, username }: Partial<Person>): Promise<void> {
  if (name !== undefined) await page.getByLabel('Name', { exact: true }).fill(name);
  if (email !== undefined) await page.getByLabel('Email address').fill(email);
  if (username !== undefined) await page.getByLabel('User name').fill(username);
}

export const alice = { name: 'Alice', email: 'alice@example.org', username: 'alice' };
export const bob = { name: 'Bob', email: 'bob@example.org', username: 'bob' };
