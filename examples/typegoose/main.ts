import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import mongoose from 'mongoose';
import { toProblemDetails } from 'mongoose-unique-guard';
import { PageModel } from './page';

interface Answer {
  status: number;
  body: object;
}

/** `POST /acme/home` creates a page, `PUT /acme/home` publishes it, new or not. */
async function route({ method, url = '/' }: IncomingMessage, title: string): Promise<Answer> {
  const [, tenant = '', slug = ''] = url.split('/').map(decodeURIComponent);
  if (method === 'POST') {
    const page = await PageModel.create({ tenant, slug, title });
    return { status: 201, body: { path: page.path, title: page.title } };
  }
  if (method === 'PUT') {
    const { page, created } = await PageModel.publish({ tenant, slug, title });
    const body = { path: page.path, title: page.title, edits: page.edits };
    return { status: created ? 201 : 200, body };
  }
  return { status: 405, body: { title: 'Use POST or PUT' } };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { title } = (await json(request)) as { title?: unknown };
    const { status, body } = await route(request, typeof title === 'string' ? title : '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  } catch (error) {
    const problem = toProblemDetails(error);
    // The log has the details; a client must not see them.
    if (problem === undefined) console.error(error);
    const type = { 'content-type': 'application/problem+json' };
    const body = problem ?? { title: 'Something went wrong on our side', status: 500 };
    response.writeHead(body.status, type).end(JSON.stringify(body));
  }
}

async function main(): Promise<void> {
  await mongoose.connect(
    process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/typegoose-example',
  );
  // Until the unique index exists, the collection accepts duplicates.
  await PageModel.init();
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    console.log(`Listening: http://127.0.0.1:${String(port)}`);
  });
}

void main();
