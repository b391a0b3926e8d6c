/** Pages in Chromium that upload into a bucket: by a signed form, and by a signed URL. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { chromium } from 'playwright-core';
import type { Browser, Page, Response } from 'playwright-core';
import { usePlatform } from '../e2e/platform.ts';
import { FORM_BYTES_MAX, Gallery } from './gallery.fixture.ts';
import { clientOf, presign } from './server.fixture.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const HTML = Buffer.from(
  '<!doctype html><h1>quiet</h1><script>document.querySelector("h1").textContent = "ran"</script>',
);
const STEP_MS = 15_000;

const found = spawnSync('sh', ['-c', 'command -v chromium || ls /usr/bin/chromium'], { encoding: 'utf8' });
const executablePath = found.stdout.trim();
const isMissing = executablePath === '' && process.env['CI'] === undefined;

describe('in a browser', { skip: isMissing ? 'there is no chromium' : false }, () => {
  const platform = usePlatform([]);
  let gallery: Gallery;
  let browser: Browser;
  let s3: S3Client;
  /** Pictures of what a person would see; kept where CORDON_SCREENSHOTS names a folder. */
  let pictures: string;
  before(async () => {
    gallery = await Gallery.open(platform());
    s3 = clientOf(platform().server, gallery.key);
    pictures = process.env['CORDON_SCREENSHOTS'] ?? join(platform().home.folder, 'pictures');
    await mkdir(pictures, { recursive: true });
    // Chromium has no sandbox of its own for root.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath, args });
  });
  after(async () => {
    s3.destroy();
    await browser.close();
  });

  /** Opens a page, does something with it, and takes a picture of what became of it. */
  async function visit<T>(name: string, path: string, act: (page: Page) => Promise<T>): Promise<T> {
    const page = await browser.newPage();
    page.setDefaultTimeout(STEP_MS);
    try {
      await page.goto(new URL(path, platform().server.gatewayUrl).href);
      const outcome = await act(page);
      await page.screenshot({ path: join(pictures, `${name}.png`) });
      return outcome;
    } finally {
      await page.close();
    }
  }

  const choose = (page: Page, name: string, buffer: Buffer, mimeType = 'image/png'): Promise<void> =>
    page.locator('input[type=file]').setInputFiles({ name, mimeType, buffer });

  /** Sends the form and gives the answer of the endpoint. */
  async function submit(page: Page): Promise<Response> {
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.locator('#send').click();
    return await answer;
  }

  async function keysOf(Bucket: string): Promise<string[]> {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key = '' }) => Key);
  }

  async function bytesOf(Key: string): Promise<Buffer> {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'photos', Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  test('a form that the command line signed uploads a file, and the function of the bucket runs', async () => {
    const status = await visit('form', '/page?form=plain', async (page) => {
      await choose(page, 'cat ü+1.png', PNG);
      return (await submit(page)).status();
    });
    assert.equal(status, 204);
    assert.ok((await bytesOf('in/cat ü+1.png')).equals(PNG));
    assert.ok((await gallery.toldOf('in/cat ü+1.png')).includes('in/cat ü+1.png'));
  });

  test('a form sends the browser on to a page, or to the answer of the endpoint, as its policy says', async () => {
    const thanks = await visit('redirect', '/page?form=redirect', async (page) => {
      await choose(page, 'on.png', PNG);
      await page.locator('#send').click();
      await page.waitForURL((url) => url.pathname === '/done');
      return { heading: await page.locator('h1').textContent(), url: new URL(page.url()) };
    });
    assert.equal(thanks.heading, 'Thank you for in/on.png');
    assert.equal(thanks.url.searchParams.get('bucket'), 'photos');
    assert.match(thanks.url.searchParams.get('etag') ?? '', /^"[0-9a-f]{32}"$/);
    const created = await visit('created', '/page?form=created', async (page) => {
      await choose(page, 'made.png', PNG);
      const answer = await submit(page);
      await page.waitForURL((url) => url.pathname === '/photos');
      return { status: answer.status(), text: await answer.text() };
    });
    assert.equal(created.status, 201);
    assert.match(created.text, /<Key>in\/made\.png<\/Key>/);
    const told = await gallery.toldOf('in/made.png');
    assert.ok(told.includes('in/on.png'));
  });

  test('what the policy or the inspection does not let through is refused, stored nowhere, and runs nothing', async () => {
    const before = await keysOf('photos');
    const set = (page: Page, name: string, value: string): Promise<unknown> =>
      page.evaluate(`document.querySelector('[name=${name}]').value = ${JSON.stringify(value)}`);
    const refusals: readonly (readonly [string, string, (page: Page) => Promise<unknown>])[] = [
      ['empty', 'EntityTooSmall', (page) => choose(page, 'empty.png', Buffer.alloc(0))],
      [
        'large',
        'EntityTooLarge',
        (page) => choose(page, 'large.png', Buffer.concat([PNG, Buffer.alloc(FORM_BYTES_MAX)])),
      ],
      ['disguised', 'CORDON_UPLOAD_TYPE_REFUSED', (page) => choose(page, 'disguised.png', HTML)],
      [
        'moved',
        'AccessDenied',
        async (page) => {
          await choose(page, 'moved.png', PNG);
          await set(page, 'key', 'out/moved.png');
        },
      ],
      [
        'retyped',
        'AccessDenied',
        async (page) => {
          await choose(page, 'retyped.html', HTML, 'text/html');
          await set(page, 'content-type', 'text/html');
        },
      ],
    ];
    const pageOf = (name: string): string => `/page?form=${name === 'empty' ? 'redirect' : 'plain'}`;
    for (const [name, code, act] of refusals) {
      const text = await visit(`refused-${name}`, pageOf(name), async (page) => {
        await act(page);
        const answer = await submit(page);
        assert.ok(answer.status() >= 400, `${name}: ${answer.status()}`);
        return await answer.text();
      });
      assert.match(text, new RegExp(`<Code>${code}</Code>`), name);
    }
    assert.deepEqual(await keysOf('photos'), before);
    // What came later is told of, so what came before would have been.
    await visit('after-refusals', '/page?form=plain', async (page) => {
      await choose(page, 'later.png', PNG);
      assert.equal((await submit(page)).status(), 204);
    });
    const told = await gallery.toldOf('in/later.png');
    assert.deepEqual(told.toSorted(), [...before, 'in/later.png'].toSorted());
  });

  test('a page whose route does not name the endpoint cannot send its form there', async () => {
    const said = await visit('closed', '/closed?form=plain', async (page) => {
      await choose(page, 'closed.png', PNG);
      const message = page.waitForEvent('console', (line) => line.text().includes('form-action'));
      // A click would wait for the navigation that does not come.
      await page.locator('#send').dispatchEvent('click');
      return (await message).text();
    });
    assert.match(said, /Content Security Policy/);
    assert.ok(!(await keysOf('photos')).includes('in/closed.png'));
  });

  test('a page of an origin that is named uploads by a signed URL, and one of another does and reads nothing', async () => {
    const { home, server } = platform();
    const act = (name: string, origin: string, button: string, url: string): Promise<string | null> =>
      visit(`${button}-${name}`, `${origin}/page?form=plain`, async (page) => {
        await choose(page, 'any.png', PNG);
        await page.locator('#url').fill(url);
        await page.locator(`#${button}`).click();
        await page.locator('#outcome', { hasText: /^(?!none$|waits$)/ }).waitFor();
        return await page.locator('#outcome').textContent();
      });
    const named = server.gatewayUrl;
    const other = named.replace('127.0.0.1', 'localhost');
    assert.notEqual(other, named);
    const read = await presign(home, 'GET', 'photos/in/by-fetch.png', gallery.key);
    for (const button of ['fetch', 'xhr']) {
      const key = `in/by-${button}.png`;
      const url = await presign(home, 'PUT', `photos/${key}`, gallery.key);
      assert.match((await act('other', other, button, url)) ?? '', /^failed: TypeError$/, button);
      assert.ok(!(await keysOf('photos')).includes(key), key);
      assert.match((await act('named', named, button, url)) ?? '', /^200 "[0-9a-f]{32}"/, button);
      assert.ok((await bytesOf(key)).equals(PNG));
      await gallery.toldOf(key);
    }
    assert.equal(await act('other', other, 'read', read), 'failed: TypeError');
    assert.equal(await act('named', named, 'read', read), `200 ${PNG.length}`);
  });

  test('a page that somebody uploaded is shown without running', async () => {
    const heading = (page: Page): Promise<string | null> => page.locator('h1').textContent();
    const ContentType = 'text/html';
    await s3.send(new PutObjectCommand({ Bucket: 'pages', Key: 'a.html', Body: HTML, ContentType }));
    const url = await presign(platform().home, 'GET', 'pages/a.html', gallery.key);
    assert.equal(await visit('uploaded-page', url, heading), 'quiet');
    // The same page with nothing in its way.
    const free = `data:text/html,${encodeURIComponent(HTML.toString())}`;
    assert.equal(await visit('same-page', free, heading), 'ran');
  });
});
