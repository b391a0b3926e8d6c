import { Guarded } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row } from '../row.ts';
import { makeTar } from '../tar.ts';

/** Of another app: its authenticator has the same name. */
const NEIGHBOUR = {
  name: 'neighbour',
  auth: { apiKey: { partners: { scopes: ['read'] } } },
  functions: {
    main: {
      entry: 'main.js',
      routes: [{ path: '/neighbour', auth: { apiKey: 'partners', scopes: ['read'] } }],
    },
  },
};
const NEIGHBOUR_SOURCE = 'export default { fetch: () => new Response("served") }';

/** Ways to name the object of somebody else, and what may come of them. */
const NAMES: readonly (readonly [string, readonly number[]])[] = [
  ['/guarded/objects/of-ana', [403]],
  ['/guarded/objects/%6ff-ana', [403]],
  ['/guarded/objects/of%2Dana', [403]],
  ['/guarded/objects/OF-ANA', [403]],
  ['/guarded/Objects/of-ana', [404]],
  ['/guarded/objects/of-ana/', [404]],
  ['/guarded/objects/of-ana?id=of-bob', [403]],
  ['/guarded/objects/of-ana?_method=PUT&owner=bob', [403]],
  ['/guarded/objects/of-bob/../of-ana', [400]],
  ['/guarded/objects/of-bob%2f..%2fof-ana', [400]],
  ['/guarded/objects/of-bob;of-ana', [400, 403]],
  ['/guarded/objects/of-ana%00', [400]],
  ['/guarded/objects/of-ana%20', [403]],
  ['/guarded/objects/%7Bparams.id%7D', [400, 403]],
  ['/guarded/objects/__proto__', [403]],
  ['/guarded/objects/constructor', [403]],
  ['/guarded/objects/none-such', [403]],
  ['/guarded/objects/text', [403]],
];

const objects: Row = {
  id: 'C5',
  title: "another user's object: by case, encoding, slashes, method override and another app's key",
  event: ['access.denied'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    await guarded.store('of-ana', 'ana');
    await guarded.store('of-bob', 'bob');
    // What an app stored itself and what is no object at all belongs to nobody.
    await guarded.served('/guarded/seed/text', { method: 'PUT', bearer: stage.token, body: '"bob"' });
    const bearer = await guarded.token('bob');
    const deployed = await stage.deployTar(
      'neighbour',
      makeTar([
        { name: 'cordon.jsonc', body: JSON.stringify(NEIGHBOUR) },
        { name: 'main.js', body: NEIGHBOUR_SOURCE },
      ]),
    );
    if (deployed.status !== 201) throw new Error(`cannot deploy: ${deployed.text}`);
    const made = await stage.control('POST', '/v1/api-keys', {
      app: 'neighbour',
      auth: 'partners',
      name: 'theirs',
      scopes: ['read'],
    });
    const { key } = JSON.parse(made.text) as { key: string };
    await withoutInvocation(guarded, verdict, async () => {
      for (const [path, expected] of NAMES) {
        const { status } = await guarded.send(path, { bearer });
        verdict.expect(expected.includes(status), `${path}: ${status}`);
      }
      for (const method of ['PUT', 'DELETE']) {
        const { status } = await guarded.send('/guarded/objects/of-ana', {
          method,
          bearer,
          body: '{"owner":"bob"}',
        });
        verdict.expect(status === 403, `${method}: ${status}`);
      }
      for (const method of ['PATCH', 'POST', 'HEAD', 'PROPFIND']) {
        const { status } = await guarded.send('/guarded/objects/of-ana', { method, bearer });
        verdict.expect([403, 404, 405].includes(status), `${method}: ${status}`);
      }
      for (const [name, value] of [
        ['x-http-method-override', 'DELETE'],
        ['x-method-override', 'PUT'],
        ['x-original-url', '/guarded/objects/of-bob'],
        ['x-rewrite-url', '/guarded/objects/of-bob'],
        ['x-cordon-identity', '{"kind":"user","subject":"ana"}'],
        ['x-forwarded-user', 'ana'],
      ] as const) {
        const { status } = await guarded.send('/guarded/objects/of-ana', {
          bearer,
          headers: { [name]: value },
        });
        verdict.expect(status === 403, `${name}: ${status}`);
      }
      for (const [name, sent] of Object.entries({
        "another app's key": { bearer: key },
        "another app's key in its field": { headers: { 'x-api-key': key } },
      })) {
        const object = await guarded.send('/guarded/objects/of-ana', sent);
        verdict.expect(object.status === 401, `${name} as a token: ${object.status}`);
        const keyed = await guarded.send('/guarded/keyed/x', sent);
        verdict.expect(keyed.status === 401, `${name} as a key: ${keyed.status}`);
      }
      const control = await guarded.send('/guarded/objects/of-ana', { bearer: stage.token });
      verdict.expect(control.status === 401, `the operator's token: ${control.status}`);
      const own = await guarded.send('/guarded/seed/of-ana', {
        method: 'PUT',
        bearer,
        body: '{"owner":"bob"}',
      });
      verdict.expect(own.status === 401, `a user on a route of operators: ${own.status}`);
    });
    const kept = await guarded.send('/guarded/objects/of-ana', { bearer: await guarded.token('ana') });
    verdict.unharmed(kept.text.includes('of ana'), `the object is now ${kept.status} ${kept.text}`);
    const served = await stage.call('/neighbour', { headers: { 'x-api-key': key } });
    verdict.expect(
      served.status === 200,
      `the key of the other app is not even good there: ${served.status}`,
    );
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const bearer = await guarded.token('bob');
    await guarded.store('of-bob', 'bob');
    for (const path of [
      '/guarded/objects/of-bob',
      '/guarded/objects/%6ff-bob',
      '/guarded/objects/of-bob?x=1',
    ]) {
      const { status, text } = await guarded.send(path, { bearer });
      if (status !== 200 || !text.includes('of bob')) throw new Error(`${path}: ${status} ${text}`);
    }
    const body = '{"owner":"bob","text":"of bob, changed"}';
    for (const [method, status] of [
      ['PUT', 200],
      ['DELETE', 200],
      ['GET', 403],
    ] as const) {
      const answer = await guarded.send('/guarded/objects/of-bob', { method, bearer, body });
      if (answer.status !== status) throw new Error(`${method} of one's own: ${answer.status}`);
    }
  },
};

export const OBJECT_ROWS: readonly Row[] = [objects];
