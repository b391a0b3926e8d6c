import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../contract/index.ts';
import { LoadShedder } from '../../rate/index.ts';
import { Admission } from './admit.ts';
import { authorize } from './authorize.ts';
import { appOf, intakeOf, manifestOf, openGuards, routeOf } from '../gateway.fixture.ts';
import { identify } from './identify.ts';
import type { IdentifyRules, TokenVerifier } from './identify.ts';
import { readMessage, receive } from './receive.ts';
import type { BodySource } from '../http/body-source.ts';
import type { RouteGuard } from '../guards/guard.ts';
import { Refusal } from './refusal.ts';
import type { Intake } from '../request-path.ts';
import { route } from './route.ts';
import { compileRoutes } from '../routing/router.ts';
import type {
  Admitted,
  Authorized,
  Identified,
  Received,
  RequestFacts,
  Routed,
  Validated,
} from './stages.ts';
import { validate } from './validate.ts';

const routes = compileRoutes([
  appOf(manifestOf('shop', { main: [routeOf('/open'), routeOf('/closed', 'control')] })),
]);

function received(
  path: string,
  fields: readonly string[] = [],
  webSocket = false,
  guard: Partial<RouteGuard> = {},
): Received {
  const { message, connection } = intakeOf('GET', path, ['Host', 'shop.example', ...fields]);
  const upgrade = webSocket ? ({} as Intake['upgrade']) : null;
  const intake = { id: 'req_1', message, connection, upgrade } as Intake;
  const body: BodySource = {
    collected: null,
    isAsked: false,
    release: () => undefined,
    collect: () => Promise.reject(new Error('no body')),
  };
  const rules = {
    headersBytesMax: 32_768,
    headersCountMax: 100,
    urlBytesMax: 1000,
    routes,
    random: () => 0,
    guards: openGuards(guard),
  };
  const read = readMessage(intake, rules);
  assert.ok(!(read instanceof Refusal));
  const result = receive(intake, read, body, rules);
  assert.ok(!(result instanceof Refusal));
  return result;
}

function admissionOf(requestsInFlightMax: number): Admission {
  const shedder = new LoadShedder({ clock: systemClock, random: () => 0, requestsInFlightMax });
  return new Admission(shedder, requestsInFlightMax);
}

function rulesOf(verifyControlToken: TokenVerifier): IdentifyRules {
  return { verifyControlToken, guards: openGuards() };
}

function seen(path: string, fields: readonly string[], webSocket = false): Map<string, string> {
  const admitted = admissionOf(1).admit({
    ...received(path, fields, webSocket),
    caller: { kind: path === '/open' ? 'anonymous' : 'control' },
  } as Identified);
  assert.ok(!(admitted instanceof Refusal));
  assert.ok(!(admitted instanceof Promise));
  const authorized = authorize(admitted);
  assert.ok(!(authorized instanceof Refusal) && !(authorized instanceof Promise));
  const validated = validate(authorized);
  assert.ok(!(validated instanceof Refusal) && !(validated instanceof Promise));
  const flat = route(validated).fields;
  return new Map(
    flat.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), flat[i + 1] ?? ''] as const] : [])),
  );
}

test('a path that leaves out a stage does not compile', () => {
  const anyToken = rulesOf(() => true);
  const skipping = {
    identify: (facts: RequestFacts) =>
      // @ts-expect-error -- not received
      identify(facts, anyToken),
    admit: (request: Received) =>
      // @ts-expect-error -- not identified
      admissionOf(1).admit(request),
    authorize: (request: Identified) =>
      // @ts-expect-error -- not admitted
      authorize(request),
    validate: (request: Admitted) =>
      // @ts-expect-error -- not authorized
      validate(request),
    route: (request: Authorized) =>
      // @ts-expect-error -- not validated
      route(request),
    dispatch: (request: Validated): Routed =>
      // @ts-expect-error -- not routed
      request,
  };
  const following = { route: (request: Routed): Validated => request };
  assert.equal(Object.keys(skipping).length + Object.keys(following).length, 7);
});

test('a control route lets in the right token alone, and all failures look alike', async () => {
  const asked: string[] = [];
  const verify = (token: string): boolean => {
    asked.push(token);
    return token === 'right' || token === 'absent';
  };
  const right = await identify(received('/closed', ['Authorization', 'Bearer right']), rulesOf(verify));
  assert.ok(!(right instanceof Refusal) && right.caller.kind === 'control');
  const failures = await Promise.all(
    [
      [],
      ['Authorization', 'Bearer wrong'],
      ['Authorization', 'Basic right'],
      ['Authorization', 'Bearer'],
      ['Authorization', 'right'],
    ].map(async (fields) => identify(received('/closed', fields), rulesOf(verify))),
  );
  for (const failure of failures) {
    assert.ok(failure instanceof Refusal);
    assert.deepEqual(
      [failure.code, failure.event, failure.headers],
      ['CORDON_UNAUTHENTICATED', 'auth.failed', ['www-authenticate', 'Bearer']],
    );
  }
  assert.equal(asked.length, 6, 'each try costs one verification');
});

test('a verifier that fails lets nobody in', async () => {
  const verify = (): Promise<boolean> => Promise.reject(new Error('down'));
  const failed = await identify(received('/closed', ['Authorization', 'Bearer right']), rulesOf(verify));
  assert.ok(failed instanceof Refusal && failed.code === 'CORDON_INTERNAL');
});

test('authorization refuses a caller of another kind even where identification let it pass', () => {
  const admitted = admissionOf(1).admit({
    ...received('/closed'),
    caller: { kind: 'anonymous' },
  } as Identified);
  assert.ok(!(admitted instanceof Refusal) && !(admitted instanceof Promise));
  const refused = authorize(admitted);
  assert.ok(refused instanceof Refusal && refused.code === 'CORDON_FORBIDDEN');
});

test('admission sheds what is past the requests in flight, until one is released', () => {
  const admission = admissionOf(1);
  const request = { ...received('/open'), caller: { kind: 'anonymous' } } as Identified;
  const first = admission.admit(request);
  assert.ok(!(first instanceof Refusal) && !(first instanceof Promise));
  const shed = admission.admit(request);
  assert.ok(
    shed instanceof Refusal && shed.code === 'CORDON_OVERLOADED' && shed.headers.includes('retry-after'),
  );
  first.slot.release();
  first.slot.release();
  assert.ok(!(admission.admit(request) instanceof Refusal));
});

test('a body of the longest length is admitted and one byte more is refused', () => {
  const length = (bytes: number): Identified =>
    ({
      ...received('/open', ['Content-Length', String(bytes)]),
      caller: { kind: 'anonymous' },
    }) as Identified;
  assert.ok(!(admissionOf(1).admit(length(1024 * 1024)) instanceof Refusal));
  const refused = admissionOf(1).admit(length(1024 * 1024 + 1));
  assert.ok(refused instanceof Refusal && refused.code === 'CORDON_BODY_TOO_LARGE');
});

test('fields that say who the caller is, and those of one hop, do not reach the function', () => {
  const spoofed = [
    'X-Forwarded-For',
    'X_Forwarded_For',
    'x-forwarded-proto',
    'X-Forwarded-Host',
    'X-Forwarded-User',
    'Forwarded',
    'X-Real-IP',
    'True-Client-IP',
    'CF-Connecting-IP',
    'CF-Access-Authenticated-User-Email',
    'X-Cordon-Caller',
    'X_Cordon_Caller',
    'X-Request-Id',
    'X-Original-URL',
    'X-HTTP-Method-Override',
    'Proxy-Authorization',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Upgrade',
    'Content_Length',
    'Via',
  ];
  const fields = seen('/open', [
    ...spoofed.flatMap((name) => [name, 'evil']),
    'Accept',
    'text/html',
    'Connection',
    'keep-alive, X-Hop',
    'X-Hop',
    'evil',
  ]);
  assert.deepEqual(Object.fromEntries(fields), {
    accept: 'text/html',
    host: 'shop.example',
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.example',
    'x-request-id': 'req_1',
  });
});

test('Authorization reaches functions of public routes, and a control token does not reach any', () => {
  assert.equal(seen('/open', ['Authorization', 'Bearer mine']).get('authorization'), 'Bearer mine');
  assert.equal(seen('/closed', ['Authorization', 'Bearer right']).get('authorization'), undefined);
});

test('a WebSocket from another origin arrives without cookies, and one from the same origin with them', () => {
  const cookie = ['Cookie', 'a=1', 'Cookie', 'b=2'];
  assert.equal(seen('/open', [...cookie, 'Origin', 'https://evil.example'], true).get('cookie'), undefined);
  assert.equal(seen('/open', [...cookie, 'Origin', 'null'], true).get('cookie'), undefined);
  assert.equal(seen('/open', [...cookie, 'Origin', 'https://shop.example'], true).get('cookie'), 'a=1; b=2');
  assert.equal(seen('/open', [...cookie, 'Origin', 'https://evil.example']).get('cookie'), 'a=1; b=2');
});
