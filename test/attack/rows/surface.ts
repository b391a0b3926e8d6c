import { withoutInvocation } from '../invocations.ts';
import type { Row } from '../row.ts';
import { errorOf, type Stage } from '../stage.ts';
import { makeTar, plainApp } from '../tar.ts';
import { guardedPathTricks, guardedPathTwin, unknownGuarded } from './guarded-paths.ts';

async function expectServed(stage: Stage, path: string, init: RequestInit = {}): Promise<void> {
  const { status, text } = await stage.call(path, init);
  if (status !== 200) throw new Error(`${path} was answered with ${status} ${text}`);
}

const unknownRoutes: Row = {
  id: 'A1',
  title: 'an unknown route or method',
  event: null,
  async attack(stage, verdict) {
    await withoutInvocation(stage, verdict, async () => {
      for (const path of [
        '/',
        '/nowhere',
        '/victim',
        '/victim/',
        '/victim/open',
        '/VICTIM/open/x',
        '/victim/count/x',
        '/v1/health',
        '/.env',
        '/bystander',
      ]) {
        const { status, text } = await stage.call(path);
        verdict.expect(status === 404 && errorOf(text).code === 'CORDON_ROUTE_UNKNOWN', `${path}: ${status}`);
      }
      for (const method of ['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE', 'PURGE', 'M-SEARCH']) {
        const { statuses } = await stage.raw(
          `${method} /victim/open/a1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        );
        verdict.expect(
          statuses.length === 1 && [404, 405].includes(statuses[0] ?? 0),
          `${method}: ${statuses.join()}`,
        );
      }
      for (const method of ['CONNECT', 'get', 'GETGET', 'G\u00cbT']) {
        const { statuses, closed } = await stage.raw(`${method} /victim/open/a1 HTTP/1.1\r\nHost: a\r\n\r\n`);
        verdict.expect(closed && [400, 404, 405].includes(statuses[0] ?? 0), `${method}: ${statuses.join()}`);
      }
    });
    await unknownGuarded(stage, verdict);
  },
  async twin(stage) {
    await expectServed(stage, '/victim/open/a1');
    await expectServed(stage, '/victim/open/a1', { method: 'POST', body: 'x' });
  },
};

const silentRoute: Row = {
  id: 'A2',
  title: 'a deployed route that does not say who may call it',
  event: null,
  async attack(stage, verdict) {
    const source = 'export default { fetch: () => new Response("open") }';
    for (const [name, auth] of [
      ['silent', null],
      ['nulled', ''],
      ['misspelt', 'Public'],
      ['wild', '*'],
      ['listed', ['public']],
      ['truthy', true],
      ['empty', {}],
      ['scoped', { scopes: ['read'] }],
      ['invented', { public: true }],
      ['token', { jwt: 'nobody' }],
      ['nameless', { jwt: '' }],
      ['inherited', { jwt: 'constructor' }],
      ['login', { oidc: 'nobody' }],
      ['keyed', { apiKey: 'nobody' }],
      ['proven', { mtls: 'nobody' }],
      ['signed', { webhook: 'nobody' }],
      ['doubled', { jwt: 'nobody', apiKey: 'nobody' }],
    ] as const) {
      const { status, text } = await stage.deployTar(name, makeTar(plainApp(name, source, { auth })));
      verdict.expect(
        status === 400 && errorOf(text).code === 'CORDON_MANIFEST_INVALID',
        `auth ${JSON.stringify(auth)}: ${status} ${errorOf(text).code}`,
      );
      verdict.unharmed((await stage.call(`/${name}`)).status === 404, `/${name} is served`);
      verdict.unharmed(
        (await stage.control('GET', `/v1/apps/${name}`)).status === 404,
        `the app ${name} exists`,
      );
    }
  },
  async twin(stage) {
    const source = 'export default { fetch: () => new Response("open") }';
    const { status, text } = await stage.deployTar('spoken', makeTar(plainApp('spoken', source)));
    if (status !== 201) throw new Error(`a route that says public is refused: ${status} ${text}`);
    await expectServed(stage, '/spoken');
  },
};

const CRASHES = [
  'throw',
  'reject',
  'text',
  'odd',
  'nothing',
  'proxy',
  'undefined',
  'null',
  'symbol',
  'used',
  'overflow',
];
const LEAKS = /4711|10\.0\.0\.7|\.m?[jt]s\b|\bat [A-Z(/]|node:|\/src\/|attacker\/|deno/i;

const crashProbe: Row = {
  id: 'A4',
  title: 'a crash probe for a stack trace',
  event: null,
  async attack(stage, verdict) {
    for (const crash of CRASHES) {
      const { status, text, headers } = await stage.call(`/attacker/crash/${crash}`);
      const { id } = errorOf(text);
      verdict.expect(status === 500 || status === 502, `${crash}: ${status}`);
      verdict.unharmed(!LEAKS.test(text), `${crash} tells ${text}`);
      verdict.unharmed(!LEAKS.test([...headers].join()), `${crash} tells in its headers`);
      verdict.expect(id !== '' && id === headers.get('x-request-id'), `${crash}: no id`);
      verdict.expect(
        (await stage.logs({ app: 'attacker', request: id })).length > 0,
        `${crash}: the id finds no log line`,
      );
    }
    for (const bytes of [
      'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n',
      'nonsense\r\n\r\n',
      '\u0000\u0001\u0002\r\n\r\n',
    ]) {
      const { text, statuses } = await stage.raw(bytes);
      verdict.expect(statuses[0] === 400, `${JSON.stringify(bytes)}: ${statuses.join()}`);
      verdict.unharmed(!/\bat |\/src\/|node:/.test(text), `the gateway tells ${text}`);
    }
  },
  async twin(stage) {
    await expectServed(stage, '/attacker/crash/fine');
  },
};

/** Targets that could mean the guarded path to one parser and the open one to another. */
const CONFUSING = [
  '/victim/open/../admin/x',
  '/victim/open/%2e%2e/admin/x',
  '/victim/open/%2E./admin/x',
  '/victim/open/.%2e/admin/x',
  '/victim/open/%252e%252e/admin/x',
  '/victim/open/..%2fadmin/x',
  '/victim/open/..%5cadmin/x',
  '/victim/open/..\\admin/x',
  '/victim/open/..;/admin/x',
  '/victim/open/;/../admin/x',
  '/victim/open;/admin/x',
  '/victim/open/./x',
  '/victim/open//x',
  '//victim/open/x',
  '//evil.example/victim/open/x',
  '/victim//admin/x',
  '/victim%2fadmin%2fx',
  '/victim%2Fopen%2Fx',
  '/victim%5copen%5cx',
  '/victim/open/x%00',
  '/victim/open/%c0%ae%c0%ae/admin/x',
  '/victim/open/%u002e%u002e/admin/x',
  '/victim/open/x#/../admin',
  '/victim/open/%',
  '/victim/open/%2',
  '/victim/open/\u00e9',
  '/victim/open/%0d%0aX-Injected:%20a',
  'http://other/victim/open/x',
  'victim/open/x',
  '*',
] as const;

/** Other spellings of the guarded path. They mean it, so that it has to guard them too. */
const SPELLINGS = [
  '/victim/admin/x',
  '/victim/%61dmin/x',
  '/%76ictim/admin/x',
  '/victim/admin/%78',
  '/victim/admin/',
  '/victim/admin/x?open',
  'http://a/victim/admin/x',
];

const pathConfusion: Row = {
  id: 'A5',
  title: 'path tricks against authorization: %2e%2e, //, %2f, %5c, ;',
  event: ['request.target_refused'],
  async attack(stage, verdict) {
    await withoutInvocation(stage, verdict, async () => {
      for (const target of CONFUSING) {
        const { statuses } = await stage.raw(
          `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        );
        verdict.expect(
          statuses.length === 1 && [400, 403].includes(statuses[0] ?? 0),
          `${target}: ${statuses.join()}`,
        );
      }
      for (const target of SPELLINGS) {
        const { statuses } = await stage.raw(
          `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        );
        verdict.expect(
          statuses.length === 1 && [401, 403, 404].includes(statuses[0] ?? 0),
          `${target}: ${statuses.join()}`,
        );
      }
      for (const header of [
        'X-Original-URL: /victim/open/x',
        'X-Rewrite-URL: /victim/open/x',
        'X-HTTP-Method-Override: GET',
        'X-Forwarded-Prefix: /victim/open',
      ]) {
        const { statuses } = await stage.raw(
          `GET /victim/admin/x HTTP/1.1\r\nHost: a\r\n${header}\r\nConnection: close\r\n\r\n`,
        );
        verdict.expect(statuses.length === 1 && statuses[0] === 401, `${header}: ${statuses.join()}`);
      }
      for (const token of ['', 'x', `${stage.token.slice(0, -1)}_`, `${stage.token}, Bearer x`]) {
        const { status } = await stage.call('/victim/admin/x', {
          headers: { authorization: `Bearer ${token}` },
        });
        verdict.expect(status === 401, `a wrong token: ${status}`);
      }
    });
    await guardedPathTricks(stage, verdict);
  },
  async twin(stage) {
    await expectServed(stage, '/victim/admin/x', { headers: { authorization: `Bearer ${stage.token}` } });
    await expectServed(stage, '/victim/open/%C3%A9%20%2D/file.name~1?next=/../a//b%2f');
    await guardedPathTwin(stage);
  },
};

export const SURFACE_ROWS: readonly Row[] = [unknownRoutes, silentRoute, crashProbe, pathConfusion];
