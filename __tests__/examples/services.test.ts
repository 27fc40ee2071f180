import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { importContacts, type ImportOptions } from '../../examples/services/import-contacts';
import { createModels } from '../../examples/services/models';
import { readCsv } from '../../examples/services/read-csv';
import { receiveWebhook } from '../../examples/services/receive-webhook';
import { saveSettings } from '../../examples/services/save-settings';
import { countSignIn } from '../../examples/services/sign-in';
import { useDatabase } from '../support/database';

const { connection } = useDatabase();
const models = createModels(connection);
const { Account, Contact, WebhookEvent, Settings } = models;

beforeAll(async () => {
  for (const model of Object.values(models)) {
    await model.createCollection();
    await model.ensureIndexes();
  }
});
beforeEach(async () => {
  await Promise.all([Account, Contact, WebhookEvent, Settings].map((model) => model.deleteMany()));
});

describe('the sign-in counter', () => {
  it('creates the account with the first sign-in, and counts the others', async () => {
    expect(await countSignIn(models, 'Ann@example.org')).toEqual({ logins: 1, isFirst: true });
    const at = new Date('2030-01-01');
    expect(await countSignIn(models, 'ann@example.org', at)).toEqual({ logins: 2, isFirst: false });
    expect(await Account.find().lean()).toMatchObject([{ logins: 2, lastSeenAt: at }]);
  });

  it('loses no count of 40 at once', async () => {
    const counts = await Promise.all(
      Array.from({ length: 40 }, () => countSignIn(models, 'ann@example.org')),
    );
    expect(counts.filter(({ isFirst }) => isFirst)).toHaveLength(1);
    expect(counts.map(({ logins }) => logins).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
  });
});

describe('the webhook receiver', () => {
  const event = { eventId: 'evt_1', type: 'invoice.paid', payload: { amount: 5 } };
  /** Writes in the event's own transaction, as a handler should. */
  const pay = async (_: unknown, session: object) => {
    const onConflict = { $inc: { logins: 1 } };
    await Account.saveOrUpsert(
      { email: 'ann@example.org' },
      { onConflict, session: session as never },
    );
  };

  it('handles an event once that is delivered 20 times at once, and once more later', async () => {
    const deliveries = Array.from({ length: 20 }, () => receiveWebhook(models, event, pay));
    expect((await Promise.all(deliveries)).filter(Boolean)).toHaveLength(1);
    expect(await receiveWebhook(models, event, pay)).toBe(false);
    expect(await Account.find().lean()).toMatchObject([{ logins: 1 }]);
    expect(await WebhookEvent.find().lean()).toMatchObject([event]);
  });

  it('handles another event', async () => {
    expect(await receiveWebhook(models, event, pay)).toBe(true);
    expect(await receiveWebhook(models, { ...event, eventId: 'evt_2' }, pay)).toBe(true);
    expect(await Account.find().lean()).toMatchObject([{ logins: 2 }]);
  });

  it('forgets an event whose handler failed, so that the next delivery handles it', async () => {
    const failure = new Error('out of order');
    const failing = async (...args: Parameters<typeof pay>) => {
      await pay(...args);
      throw failure;
    };
    await expect(receiveWebhook(models, event, failing)).rejects.toBe(failure);
    expect(await WebhookEvent.countDocuments()).toBe(0);
    expect(await Account.countDocuments()).toBe(0);
    expect(await receiveWebhook(models, event, pay)).toBe(true);
  });

  it('refuses an event without an id, and handles nothing', async () => {
    const handle = jest.fn();
    await expect(
      receiveWebhook(models, { type: 'invoice.paid' } as never, handle),
    ).rejects.toMatchObject({ errors: { eventId: { kind: 'required' } } });
    expect(handle).not.toHaveBeenCalled();
  });
});

describe('the settings page', () => {
  it('stores what is shown as a whole, and keeps who and since when', async () => {
    const first = await saveSettings(models, 'ann', { theme: 'dark', newsletter: true });
    expect(first).toMatchObject({ language: 'en', theme: 'dark', newsletter: true });
    const second = await saveSettings(models, 'ann', { language: 'de' });
    expect(second).toMatchObject({ language: 'de', theme: 'light', newsletter: false });
    expect(second).toMatchObject({ _id: first._id, createdAt: first.createdAt });
    expect(await Settings.countDocuments()).toBe(1);
  });

  it('refuses what the page does not offer, and changes nothing', async () => {
    await saveSettings(models, 'ann', { theme: 'dark' });
    await expect(saveSettings(models, 'ann', { theme: 'pink' as never })).rejects.toMatchObject({
      errors: { theme: { kind: 'enum' } },
    });
    expect(await Settings.find().lean()).toMatchObject([{ theme: 'dark' }]);
  });
});

describe('the CSV reader', () => {
  const read = async (text: string) => {
    const rows = [];
    for await (const row of readCsv(Readable.from([text]))) rows.push(row);
    return rows;
  };

  it.each<[string, string, object[]]>([
    ['nothing', '', []],
    ['names alone', 'a,b\n', []],
    [
      'a byte order mark and Windows lines',
      '\ufeffa,b\r\n1,2\r\n',
      [{ line: 2, fields: { a: '1', b: '2' } }],
    ],
    ['no line end', 'a,b\n1,2', [{ line: 2, fields: { a: '1', b: '2' } }]],
    [
      'quotes, commas and a line end',
      'a,b\n"1,""x""","2\n3"\n',
      [{ line: 3, fields: { a: '1,"x"', b: '2\n3' } }],
    ],
    ['empty lines and blanks', 'a,b\n\n 1 , 2\n', [{ line: 3, fields: { a: '1', b: '2' } }]],
    [
      'a field too many, and one too few',
      'a,b\n1,2,3\n1\n1,2\n',
      [{ line: 2 }, { line: 3 }, { line: 4, fields: { a: '1', b: '2' } }],
    ],
  ])('reads %s', async (_, text, rows) => {
    expect(await read(text)).toEqual(rows);
  });

  it('rejects at a quote that is never closed', async () => {
    await expect(read('a,b\n1,2\n"3,4\n')).rejects.toThrow('Quote Not Closed');
  });
});

describe('the import of contacts', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'contacts-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function run(rows: string[], options?: ImportOptions) {
    const file = path.join(directory, 'contacts.csv');
    await writeFile(file, ['email,name,customerNumber', ...rows, ''].join('\n'));
    return importContacts(models, file, options);
  }

  it('creates and updates 5,000, tells of those refused, and of its progress', async () => {
    await Contact.create({ email: 'other@example.org', name: 'Other', customerNumber: 'taken' });
    await Contact.create({ email: '7@example.org', name: 'Old', customerNumber: 'c7' });
    const rows = Array.from({ length: 5000 }, (_, n) => `${n}@example.org,Name ${n},c${n}`);
    rows[10] = 'no address,Ten,c10';
    rows[2000] = ',,c2000';
    rows[3000] = '3000@example.org,Three thousand,taken';
    rows[3500] = '3500@example.org,One,field,too many';
    rows[4999] = '7@EXAMPLE.org,"Seven, again",';
    const progress: { rows: number; share: number }[] = [];
    const outcome = await run(rows, { onProgress: (one) => progress.push(one) });
    expect(outcome).toEqual({
      created: 4994,
      updated: 2,
      refused: [
        { line: 12, messages: { email: 'Enter an email address like name@example.org' } },
        { line: 2002, messages: { email: 'Enter an email address', name: 'Enter a name' } },
        { line: 3002, messages: { customerNumber: 'Another contact has this customer number' } },
        { line: 3502, messages: { row: 'The row has more or fewer fields than the first line' } },
      ],
    });
    expect(await Contact.countDocuments()).toBe(4996);
    expect(await Contact.findOne({ email: '7@example.org' }).lean()).toMatchObject({
      name: 'Seven, again',
      customerNumber: 'c7',
    });
    expect(progress.map((one) => one.rows)).toEqual([1000, 2000, 3000, 4000, 4999]);
    const shares = progress.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[0]).toBeLessThan(1);
    expect(shares.at(-1)).toBe(1);
  });

  it('run again changes nothing', async () => {
    const rows = ['a@example.org,A,1', 'b@example.org,B,'];
    expect(await run(rows)).toEqual({ created: 2, updated: 0, refused: [] });
    const before = await Contact.find().lean();
    expect(await run(rows)).toEqual({ created: 0, updated: 0, refused: [] });
    expect(await Contact.find().lean()).toEqual(before);
  });

  it('rejects at a broken file, and what was written before is on the error', async () => {
    const rows = ['a@example.org,A,1', 'b@example.org,B,2', '"c@example.org,C,3'];
    await expect(run(rows, { batchSize: 2 })).rejects.toMatchObject({
      code: 'CSV_QUOTE_NOT_CLOSED',
      partialResult: { created: 2 },
    });
    expect(await Contact.countDocuments()).toBe(2);
  });

  it('rejects where there is no file', async () => {
    await expect(importContacts(models, path.join(directory, 'none.csv'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  it('ends with what onProgress throws', async () => {
    const enough = new Error('enough');
    const onProgress = () => {
      throw enough;
    };
    await expect(run(['a@example.org,A,1'], { onProgress })).rejects.toBe(enough);
    expect(await Contact.countDocuments()).toBe(1);
  });
});
