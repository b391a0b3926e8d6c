import assert from 'node:assert/strict';
import { request as send } from 'undici';

const HOPS_MAX = 15;
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** What a browser ended up at. */
interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** What a browser sends besides what it always does; a body makes it a POST. */
interface Form {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A browser: cookies by origin, redirects followed, forms filled in. */
export class Person {
  readonly #jars = new Map<string, Map<string, string>>();
  readonly visited: string[] = [];
  /** Goes no further than to this part of a URL, as if the connection broke. */
  stopsAt: string | null = null;

  cookiesOf(origin: string): Map<string, string> {
    let jar = this.#jars.get(origin);
    if (jar === undefined) {
      jar = new Map();
      this.#jars.set(origin, jar);
    }
    return jar;
  }

  async go(start: string, init: Form = {}): Promise<Page> {
    let url = start;
    let current = init;
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      this.visited.push(url);
      if (this.stopsAt !== null && url.includes(this.stopsAt)) return { url, status: 0, text: '' };
      const jar = this.cookiesOf(new URL(url).origin);
      const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
      // Not by fetch, which says of itself that it is no navigation.
      const {
        statusCode: status,
        headers,
        body,
      } = await send(url, {
        method: current.body === undefined ? 'GET' : 'POST',
        body: current.body ?? null,
        headers: { ...NAVIGATION, ...current.headers, ...(cookie === '' ? {} : { cookie }) },
      });
      for (const line of [headers['set-cookie'] ?? []].flat()) keep(jar, line);
      const text = await body.text();
      const { location } = headers;
      if (typeof location !== 'string') return { url, status, text };
      url = new URL(location, url).href;
      current = {};
    }
    throw new Error('too many redirects');
  }

  /** Sends the one form of a page of the provider with these values besides its own. */
  submit({ url, text }: Page, values: Readonly<Record<string, string>>): Promise<Page> {
    const action = /<form[^>]*action="([^"]*)"/.exec(text)?.[1] ?? '';
    const hidden = [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    const own = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
    return this.go(new URL(action, url).href, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...own, ...values }).toString(),
    });
  }

  /** Goes to a page that asks for a login, and logs in at the provider of `oidc-provider`. */
  async logIn(url: string, login: string): Promise<Page> {
    const form = await this.go(url);
    assert.match(form.url, /\/interaction\//);
    const consent = await this.submit(form, { login, password: 'any' });
    return this.submit(consent, {});
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
  const isOver = /max-age=0(?:;|$)/i.test(line) || /expires=thu, 01 jan 1970/i.test(line) || value === '';
  if (isOver) jar.delete(name);
  else jar.set(name, value);
}
