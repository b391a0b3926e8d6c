import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach } from 'node:test';
import { openPlace } from '../../vault/vault.fixture.ts';
import type { Place } from '../../vault/vault.fixture.ts';
import { Browser, fieldOf, openApp } from './browser.fixture.ts';
import type { App, AppOptions, Fields } from './browser.fixture.ts';
import type { LoginAnswer } from './index.ts';
import { startProvider } from './provider.fixture.ts';
import type { FakeProvider, Grant } from './provider.fixture.ts';

export const COOKIE = '__Host-cordon-shop.staff';
export const SAME_ORIGIN: Fields = { origin: 'https://shop.example', 'sec-fetch-site': 'same-origin' };

/** One store and one provider for all tests of a file; what a test changes of the provider ends with it. */
export const place: Place = await openPlace();
export const provider: FakeProvider = await startProvider();
const closers: (() => void)[] = [];

afterEach(() => {
  Object.assign(provider, {
    document: {},
    claims: {},
    header: {},
    signedBy: provider.signer,
    token: null,
    answer: null,
  });
  for (const close of closers.splice(0)) close();
});
after(async () => {
  await provider.close();
  await place.close();
});

export async function open(options: Partial<AppOptions> = {}): Promise<App> {
  const { store, vault } = place;
  const app = await openApp({ issuer: provider.url, store, vault, ...options });
  closers.push(() => app.close());
  return app;
}

/** Begins a login; the provider has given its code. */
export async function begin(app: App, browser: Browser, to = '/'): Promise<Grant> {
  const answer = await browser.go(app.login, 'GET', app.login.loginLocation(to));
  assert.ok(answer.ok, answer.ok ? '' : answer.reason);
  return provider.authorize(fieldOf(answer, 'location'));
}

/** A whole login, whatever comes of it. */
export async function tryLogIn(app: App, browser: Browser, to = '/'): Promise<LoginAnswer> {
  return browser.go(app.login, 'GET', callbackOf(await begin(app, browser, to)));
}

export function callbackOf({ code, state }: Grant, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ code, state, iss: provider.url, ...more });
  return `/.cordon/auth/staff/callback?${query.toString()}`;
}

export function assertRefused(answer: LoginAnswer, code: string, reason: RegExp): void {
  assert.ok(!answer.ok, 'it was let in');
  assert.match(answer.reason, reason);
  assert.equal(answer.code, code);
}

/** A callback that has to be refused, and leaves no session. */
export async function assertNoSession(
  app: App,
  browser: Browser,
  target: string,
  code: string,
  reason: RegExp,
) {
  assertRefused(await browser.go(app.login, 'GET', target), code, reason);
  assert.equal([...browser.cookies.keys()].includes(COOKIE), false);
  const verdict = await browser.authenticate(app.authenticator);
  assert.equal(verdict.ok, false);
}

export function send(
  response: ServerResponse,
  status: number,
  value: unknown,
  type = 'application/json',
): void {
  response
    .writeHead(status, { 'content-type': type })
    .end(typeof value === 'string' ? value : JSON.stringify(value));
}

/** A browser that has logged in. */
export async function logIn(app: App, browser = new Browser()): Promise<Browser> {
  const answer = await tryLogIn(app, browser);
  assert.ok(answer.ok, answer.ok ? '' : answer.reason);
  return browser;
}

export async function reasonFor(
  app: App,
  browser: Browser,
  more: { method?: string; fields?: Fields } = {},
): Promise<string> {
  const verdict = await browser.authenticate(app.authenticator, more);
  return verdict.ok ? 'accepted' : verdict.reason;
}
