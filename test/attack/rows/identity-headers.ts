import { freshAddress, send, sendHttp2 } from '../caller.ts';
import { Guarded, type Echo } from '../guarded.ts';
import type { Row, Verdict } from '../row.ts';
import { Secure } from '../secure.ts';

const SPOOF = 'spoofed-by-caller';
const IDENTITY = `{"kind":"user","subject":"${SPOOF}","scopes":["read"]}`;

/** Fields by which frameworks and proxies are told who a caller is, or what it asked for. */
const NAMES = [
  'x-cordon-identity',
  'x-cordon-subject',
  'x-cordon-anything',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-client-cert',
  'x-forwarded-access-token',
  'forwarded',
  'x-real-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-access-jwt-assertion',
  'fastly-client-ip',
  'x-client-ip',
  'x-client-cert',
  'client-cert',
  'ssl-client-cert',
  'x-cluster-client-ip',
  'x-remote-user',
  'remote-user',
  'x-authenticated-user',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-amzn-oidc-identity',
  'x-amzn-oidc-data',
  'x-goog-iap-jwt-assertion',
  'x-ms-client-principal-name',
  'x-envoy-external-address',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-request-id',
  'via',
];

/** Other spellings that a framework could map to the same name. */
function spellings(name: string): string[] {
  const capitals = name.replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
  return [
    name,
    capitals,
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.toUpperCase().replaceAll('-', '_'),
  ];
}

function valueFor(name: string): string {
  return name.toLowerCase().replaceAll('_', '-') === 'x-cordon-identity' ? IDENTITY : SPOOF;
}

/** Judges what the function was given: nothing that the caller said of itself. */
function judge(
  verdict: Verdict,
  how: string,
  { headers, url }: Echo,
  address: string,
  subject: string | null,
): void {
  const fields = new Map(headers);
  for (const [name, value] of headers)
    verdict.unharmed(!value.includes(SPOOF), `${how}: the function is given ${name}`);
  verdict.unharmed(!url.includes(SPOOF), `${how}: the function is given ${url}`);
  const forwarded = fields.get('x-forwarded-for');
  verdict.unharmed(forwarded === address, `${how}: it comes from ${forwarded}`);
  const identity = fields.get('x-cordon-identity') ?? null;
  const known = identity === null ? null : (JSON.parse(identity) as { subject: string }).subject;
  verdict.unharmed(known === subject, `${how}: it is from ${known}`);
}

const identityHeaders: Row = {
  id: 'C9',
  title: 'spoofed X-Forwarded-For and identity headers, in all spellings, by HTTP/1.1 and HTTP/2',
  event: null,
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const secure = await Secure.of(stage);
    const bearer = await guarded.token('ana');
    for (const spell of [0, 1, 2, 3, 4]) {
      const names = NAMES.map((name) => spellings(name)[spell] ?? name);
      const headers = Object.fromEntries(names.map((name) => [name, valueFor(name)]));
      const from = freshAddress();
      const how = names[0] ?? '';
      judge(verdict, how, await guarded.served('/guarded/open/x', { headers, from }), from, null);
      judge(
        verdict,
        `${how}, known`,
        await guarded.served('/guarded/me/x', { headers, from, bearer }),
        from,
        'ana',
      );
      // HTTP/2 knows no capitals: those of the names are refused, or are made small by the client.
      const small = Object.fromEntries(names.map((name) => [name.toLowerCase(), valueFor(name)]));
      for (const [by, ask] of [
        ['HTTP/2', sendHttp2],
        ['TLS', send],
      ] as const) {
        const { status, text } = await ask(secure.url, '/gated/open/x', { headers: small, from });
        if (status === 200) judge(verdict, `${how} by ${by}`, JSON.parse(text) as Echo, from, null);
        else verdict.passed(`${how} by ${by}: ${status}`);
      }
    }
    const repeated = await guarded.served('/guarded/open/x', {
      headers: {
        'X-Forwarded-For': [SPOOF, '127.0.0.1'],
        connection: 'close, x-cordon-identity, x-forwarded-for',
      },
      from: '127.77.0.1',
    });
    judge(verdict, 'fields named by Connection', repeated, '127.77.0.1', null);
    const named = await guarded.served('/guarded/me/x', {
      headers: { connection: 'close, x-cordon-identity, authorization, host' },
      from: '127.77.0.1',
      bearer,
    });
    judge(verdict, 'identity named by Connection', named, '127.77.0.1', 'ana');
    verdict.note(`${NAMES.length} names in 5 spellings`);
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const headers = { 'x-forward': 'a', 'x-identity-theme': 'b', 'user-agent': 'c', 'X-Custom_Field': 'd' };
    const { headers: given } = await guarded.served('/guarded/open/x', { headers });
    for (const [name, value] of Object.entries(headers)) {
      if (!given.some(([key, text]) => key === name.toLowerCase() && text === value))
        throw new Error(`${name} does not reach the function`);
    }
  },
};

export const IDENTITY_HEADER_ROWS: readonly Row[] = [identityHeaders];
