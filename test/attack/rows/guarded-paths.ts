import { Guarded } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import { Secure } from '../secure.ts';
import { sendHttp2 } from '../caller.ts';
import type { Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';

/** Targets that could mean the route of users, or of keys, to one parser and the open one to another. */
const CONFUSING = [
  '/guarded/open/../me/x',
  '/guarded/open/%2e%2e/me/x',
  '/guarded/open/..%2fme/x',
  '/guarded/open/..%5cme/x',
  '/guarded/open/..;/me/x',
  '/guarded/open;/../me/x',
  '/guarded/open/./../me/x',
  '/guarded//me/x',
  '//guarded/me/x',
  '/guarded/me%2fx',
  '/guarded%2fme/x',
  '/guarded/me%00/x',
  '/guarded/me%20/x',
  '/guarded/me;/x',
  '/guarded/me%3b/x',
  '/guarded/%256de/x',
  '/guarded/m%u0065/x',
  '/guarded/open/x/%2e%2e/%2e%2e/keyed/x',
  '/guarded/open/%252e%252e/keyed/x',
  '/guarded/keyed/../me/x',
];

/** Other spellings of the guarded paths. They mean it, so that they have to ask who calls. */
const SPELLINGS = [
  '/guarded/me/x',
  '/guarded/%6de/x',
  '/guarded/%6D%65/x',
  '/%67uarded/me/%78',
  '/guarded/me/open',
  '/guarded/me/x?open=/guarded/open/x',
  '/guarded/keyed/x',
  '/guarded/%6beyed/x',
  '/guarded/objects/of-ana',
  '/guarded/%6fbjects/of-ana',
];

/** Path tricks against routes that ask for tokens and keys, by a stranger and by whoever is known elsewhere. */
export async function guardedPathTricks(stage: Stage, verdict: Verdict): Promise<void> {
  const guarded = await Guarded.of(stage);
  const secure = await Secure.of(stage);
  const token = await guarded.token('ana');
  const { key } = await guarded.key('paths');
  await withoutInvocation(guarded, verdict, async () => {
    for (const path of CONFUSING) {
      for (const bearer of [null, token, key]) {
        const { status } = await guarded.send(path, { bearer });
        verdict.expect([400, 404].includes(status), `${path}: ${status}`);
      }
    }
    for (const path of SPELLINGS) {
      const isKeyed = /keyed|%6beyed/.test(path);
      // Whoever is known to one authenticator is nobody to another.
      for (const bearer of [null, isKeyed ? token : key, stage.token]) {
        const { status } = await guarded.send(path, { bearer });
        verdict.expect(status === 401, `${path}: ${status}`);
      }
      for (const name of ['x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-prefix']) {
        const { status } = await guarded.send(path, { headers: { [name]: '/guarded/open/x' } });
        verdict.expect(status === 401, `${path} with ${name}: ${status}`);
      }
    }
  });
  await withoutInvocation(secure, verdict, async () => {
    for (const path of CONFUSING) {
      const target = path.replaceAll('guarded', 'gated').replace(/me|keyed/, 'partners');
      const { status } = await sendHttp2(secure.url, target);
      verdict.expect([400, 401, 404].includes(status), `${target} by HTTP/2: ${status}`);
    }
    for (const target of [
      '/gated/partners/x',
      '/gated/%70artners/x',
      '/gated/partners/',
      '/%67ated/partners/x?open',
    ]) {
      const { status } = await sendHttp2(secure.url, target, {
        headers: { 'x-original-url': '/gated/open/x' },
      });
      verdict.expect([401, 404].includes(status), `${target} by HTTP/2: ${status}`);
    }
  });
}

/** Routes and methods that there are not, for callers who are known and by HTTP/2. */
export async function unknownGuarded(stage: Stage, verdict: Verdict): Promise<void> {
  const guarded = await Guarded.of(stage);
  const secure = await Secure.of(stage);
  const bearer = await guarded.token('ana');
  await withoutInvocation(guarded, verdict, async () => {
    for (const path of [
      '/guarded',
      '/guarded/me',
      '/guarded/objects/',
      '/guarded/hooks/other',
      '/guarded/Me/x',
    ]) {
      const { status } = await guarded.send(path, { bearer });
      verdict.expect(status === 404, `${path}: ${status}`);
    }
    for (const [method, path] of [
      ['DELETE', '/guarded/me/x'],
      ['PATCH', '/guarded/objects/x'],
      ['GET', '/guarded/hooks/github'],
      ['PROPFIND', '/guarded/rated'],
    ] as const) {
      const { status } = await guarded.send(path, { method, bearer });
      verdict.expect([404, 405].includes(status), `${method} ${path}: ${status}`);
    }
  });
  await withoutInvocation(secure, verdict, async () => {
    for (const [method, path] of [
      ['GET', '/gated'],
      ['GET', '/GATED/open/x'],
      ['POST', '/gated/count'],
      ['TRACE', '/gated/count'],
    ] as const) {
      const { status } = await sendHttp2(secure.url, path, { method });
      verdict.expect([404, 405].includes(status), `${method} ${path} by HTTP/2: ${status}`);
    }
  });
}

/** Known callers reach what is theirs in each spelling. */
export async function guardedPathTwin(stage: Stage): Promise<void> {
  const guarded = await Guarded.of(stage);
  const bearer = await guarded.token('ana');
  for (const path of ['/guarded/me/x', '/guarded/%6de/%78', '/guarded/me/a%20b?next=/../x%2f'])
    await guarded.served(path, { bearer });
  const { key } = await guarded.key('path-twin');
  await guarded.served('/guarded/%6beyed/x', { bearer: key });
}
