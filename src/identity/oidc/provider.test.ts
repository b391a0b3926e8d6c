import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { manualClock } from '../clock.fixture.ts';
import { Browser } from './browser.fixture.ts';
import type { LoginAnswer } from './index.ts';
import { assertNoSession, assertRefused, begin, callbackOf, open, provider, send } from './login.fixture.ts';

describe('a provider', () => {
  it('that answers with garbage, too much, an error or a redirect leaves the login unavailable', async () => {
    const answers: readonly [(response: ServerResponse) => void, RegExp][] = [
      [(response) => send(response, 200, '<html>'), /./],
      [(response) => send(response, 200, '{"access_token":', 'application/json'), /pars/],
      [(response) => send(response, 200, 'hello', 'text/html'), /./],
      [(response) => send(response, 500, { error: 'server_error' }), /./],
      [(response) => send(response, 401, { error: 'invalid_client' }), /./],
      [(response) => void response.writeHead(302, { location: `${provider.url}/elsewhere` }).end(), /./],
      [
        (response) =>
          void response
            .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
            .end('x'),
        /encodes/,
      ],
      [(response) => void response.destroy(), /./],
    ];
    const app = await open();
    for (const [answer, reason] of answers) {
      provider.token = (response) => {
        answer(response);
        return true;
      };
      const browser = new Browser();
      const grant = await begin(app, browser);
      await assertNoSession(app, browser, callbackOf(grant), 'CORDON_LOGIN_UNAVAILABLE', reason);
    }
  });

  it('that does not answer in time leaves the login unavailable', async () => {
    const app = await open({ timeoutMs: 50 });
    provider.token = () => true;
    const browser = new Browser();
    const target = callbackOf(await begin(app, browser));
    await assertNoSession(app, browser, target, 'CORDON_LOGIN_UNAVAILABLE', /time/i);
    provider.token = null;
    assert.equal((await browser.go(app.login, 'GET', target)).ok, true);
  });

  it('may answer as much as the limit and no more', async () => {
    const app = await open();
    const answerOf = (extra: number) => {
      provider.token = (response) => {
        send(response, 400, `{"error":"invalid_grant"}`.padEnd(LIMITS.oidcAnswerBytesMax.value + extra));
        return true;
      };
    };
    answerOf(0);
    const atLimit = new Browser();
    await assertNoSession(
      app,
      atLimit,
      callbackOf(await begin(app, atLimit)),
      'CORDON_LOGIN_REFUSED',
      /invalid_grant/,
    );
    answerOf(1);
    const past = new Browser();
    await assertNoSession(
      app,
      past,
      callbackOf(await begin(app, past)),
      'CORDON_LOGIN_UNAVAILABLE',
      /more than a provider may/,
    );
  });

  it('that is not there, or speaks for another issuer, is not asked again before its time', async () => {
    const clock = manualClock(Date.now());
    const app = await open({ clock });
    provider.document = { issuer: 'https://evil.example' };
    const browser = new Browser();
    const before = provider.discoveries;
    for (let tries = 0; tries < 3; tries += 1) {
      const answer = await browser.go(app.login, 'GET', app.login.loginLocation('/'));
      assertRefused(answer, 'CORDON_LOGIN_UNAVAILABLE', /another issuer/);
    }
    assert.equal(provider.discoveries, before + 1);
    provider.document = {};
    clock.move(LIMITS.oidcProviderRetryMs.value);
    await begin(app, browser);
    await begin(app, browser);
    assert.equal(provider.discoveries, before + 2);
    clock.move(LIMITS.oidcProviderMs.value);
    await begin(app, browser);
    assert.equal(provider.discoveries, before + 3);
    const gone = await open({ issuer: 'http://127.0.0.1:1' });
    assertRefused(
      await browser.go(gone.login, 'GET', gone.login.loginLocation('/')),
      'CORDON_LOGIN_UNAVAILABLE',
      /./,
    );
    const closed = await open({ issuer: 'http://169.254.169.254' });
    assertRefused(
      await browser.go(closed.login, 'GET', closed.login.loginLocation('/')),
      'CORDON_LOGIN_UNAVAILABLE',
      /not a public one|address/,
    );
  });

  it('that does not end its answers is talked to by so many logins at once and no more', async () => {
    const app = await open();
    const held: ServerResponse[] = [];
    const most = LIMITS.oidcExchangesMax.value;
    const allHeld = Promise.withResolvers<void>();
    provider.token = (response) => {
      held.push(response);
      if (held.length === 2) allHeld.resolve();
      return true;
    };
    // The guard keeps two connections to an issuer; the others wait for them.
    const waiting: Promise<LoginAnswer>[] = [];
    for (let count = 0; count < most; count += 1) {
      const browser = new Browser();
      waiting.push(browser.go(app.login, 'GET', callbackOf(await begin(app, browser))));
    }
    await allHeld.promise;
    const browser = new Browser();
    const grant = await begin(app, browser);
    assertRefused(
      await browser.go(app.login, 'GET', callbackOf(grant)),
      'CORDON_LOGIN_UNAVAILABLE',
      /More than 16 logins/,
    );
    provider.token = (response) => {
      send(response, 400, { error: 'invalid_grant' });
      return true;
    };
    for (const response of held) send(response, 400, { error: 'invalid_grant' });
    for (const answer of await Promise.all(waiting))
      assertRefused(answer, 'CORDON_LOGIN_REFUSED', /invalid_grant/);
  });
});
