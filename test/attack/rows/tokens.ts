import { createHmac, sign as signBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { sign, signer } from '../../../src/identity/jwt/issuer.fixture.ts';
import { open } from '../caller.ts';
import { Guarded, refusedAlike } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage, Answer } from '../stage.ts';

const CLOCK_SKEW_S = 30;
const LEFT_S = 3;
/** What is left of a token, and a second to see that it is over. */
const OUTLIVED_MS = (LEFT_S + 1) * 1000;
/** Times the keys may be fetched for tokens of unknown keys: else a stranger makes the server ask its issuer. */
const FETCHES_MAX = 2;

function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A token with any header, whose last part is made from what it is to sign. */
function forged(header: unknown, claims: unknown, signature: (input: string) => string | Buffer): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${Buffer.from(signature(input)).toString('base64url')}`;
}

/** Shows each token to the app and judges that none is taken, and that the refusals tell nothing. */
async function expectRefused(
  stage: Stage,
  verdict: Verdict,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  const guarded = await Guarded.of(stage);
  await withoutInvocation(guarded, verdict, async () => {
    const answers: Record<string, Answer> = {};
    for (const [name, bearer] of Object.entries(tokens)) {
      answers[name] = await guarded.send('/guarded/me/x', { bearer });
    }
    refusedAlike(verdict, answers, 401, 'CORDON_UNAUTHENTICATED');
  });
  verdict.note(`${Object.keys(tokens).length} tokens`);
}

/** Tokens of each algorithm let their users in. */
async function twin(stage: Stage): Promise<void> {
  const guarded = await Guarded.of(stage);
  for (const by of Object.values(guarded.signers)) {
    const { headers } = await guarded.served('/guarded/me/twin', { bearer: await guarded.token('ana', by) });
    const [, identity = ''] = headers.find(([name]) => name === 'x-cordon-identity') ?? [];
    if (!identity.includes('"subject":"ana"')) throw new Error(`the function is told ${identity}`);
  }
}

const noAlgorithm: Row = {
  id: 'C1',
  title: 'a token whose algorithm is none, in all spellings, or that has no signature',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const claims = guarded.claims('ana');
    const good = await guarded.token('ana');
    const [head = '', body = '', signature = ''] = good.split('.');
    const tokens: Record<string, string> = {
      'a good one without its signature': `${head}.${body}.`,
      'a good one of two parts': `${head}.${body}`,
      'a good one of four parts': `${good}.${signature}`,
      'a good one with a signature of zeros': `${head}.${body}.${part('\0'.repeat(64))}`,
      'no algorithm': forged({ kid: 'ed-1' }, claims, () => ''),
      'an algorithm that is null': forged({ alg: null, kid: 'ed-1' }, claims, () => ''),
      'an algorithm that is a list': forged({ alg: ['none', 'EdDSA'], kid: 'ed-1' }, claims, () => ''),
      'two algorithms': forged('{"alg":"EdDSA","alg":"none","kid":"ed-1"}', claims, () => ''),
      'unencoded payload': forged({ alg: 'EdDSA', kid: 'ed-1', b64: false, crit: ['b64'] }, claims, () => ''),
    };
    for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', '']) {
      tokens[`${alg} without a signature`] = forged({ alg }, claims, () => '');
      tokens[`${alg} with a signature`] = `${part({ alg, kid: 'ed-1' })}.${part(claims)}.${signature}`;
    }
    await expectRefused(stage, verdict, tokens);
  },
  twin,
};

const confused: Row = {
  id: 'C2',
  title: 'a token signed by HMAC with the public key for a secret, or by another algorithm than its key',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const claims = guarded.claims('ana');
    const tokens: Record<string, string> = {};
    for (const { jwk, publicKey, privateKey, kid, algorithm } of Object.values(guarded.signers)) {
      // What an attacker has of the key, in the forms that libraries were known to take for a secret.
      const secrets: Readonly<Record<string, string | Buffer>> = {
        PEM: publicKey.export({ type: 'spki', format: 'pem' }),
        'PEM without its last line end': publicKey
          .export({ type: 'spki', format: 'pem' })
          .toString()
          .trimEnd(),
        DER: publicKey.export({ type: 'spki', format: 'der' }),
        JSON: JSON.stringify(jwk),
        'its number': Buffer.from(String(jwk['n'] ?? jwk['x']), 'base64url'),
        nothing: '',
      };
      for (const [form, secret] of Object.entries(secrets)) {
        for (const [alg, hash] of [
          ['HS256', 'sha256'],
          ['HS512', 'sha512'],
          // The header says what the key is for, and the signature is another.
          [algorithm, 'sha256'],
        ] as const) {
          const mac = (input: string): Buffer => createHmac(hash, secret).update(input).digest();
          tokens[`${alg} of ${kid} as ${form}`] = forged({ alg, kid }, claims, mac);
        }
      }
      const other = algorithm === 'RS256' ? 'ES256' : 'RS256';
      const signed = (input: string): Buffer =>
        signBytes(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), privateKey);
      tokens[`${kid} as ${other}`] = forged({ alg: other, kid }, claims, signed);
      tokens[`PS256 of ${kid}`] = forged({ alg: 'PS256', kid }, claims, signed);
    }
    await expectRefused(stage, verdict, tokens);
  },
  twin,
};

const strangeKeys: Row = {
  id: 'C3',
  title: 'a token that brings its own key: kid traversal, jku, x5u, x5c, embedded jwk',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const { trap, issuer } = guarded;
    const claims = guarded.claims('ana');
    const fetches = issuer.keyFetches();
    const own = signer('EdDSA', 'own');
    const url = `${trap.url}/keys`;
    const { jwk } = trap.signer;
    const tokens: Record<string, string> = {
      'a key that calls itself like a good one': await sign(trap.signer, claims),
      'a key without an id': await sign(trap.signer, claims, { kid: undefined }),
      jku: await sign(trap.signer, claims, { jku: url }),
      'jku beside an unknown id': await sign(own, claims, { jku: url }),
      'jku that begins like the issuer': await sign(own, claims, { jku: `${issuer.url}@${url.slice(7)}` }),
      x5u: await sign(trap.signer, claims, { x5u: url }),
      x5c: await sign(trap.signer, claims, {
        x5c: [trap.signer.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
      }),
      jwk: await sign(trap.signer, claims, { jwk }),
      'jwk with an id of its own': await sign(own, claims, { jwk: own.jwk }),
      'an issuer that is the attacker': await sign(trap.signer, { ...claims, iss: trap.url }),
      'a critical header': forged({ alg: 'EdDSA', kid: 'ed-1', crit: ['exp'], exp: 1 }, claims, (input) =>
        signBytes(null, Buffer.from(input), guarded.signers.ed.privateKey),
      ),
    };
    for (const kid of [
      '../../../../../../dev/null',
      '/dev/null',
      'file:///dev/null',
      'http://169.254.169.254/',
      url,
      "ed-1' OR '1'='1",
      '../keys',
      'ed-1\0',
      'ed-1/../own',
      '__proto__',
      'constructor',
      'ED-1',
      '',
      'k'.repeat(4096),
    ]) {
      tokens[`kid ${kid.slice(0, 30)}`] = await sign(own, claims, { kid });
      tokens[`HMAC of kid ${kid.slice(0, 30)}`] = forged({ alg: 'HS256', kid }, claims, (input) =>
        createHmac('sha256', '').update(input).digest(),
      );
    }
    for (const kid of [['ed-1'], { kid: 'ed-1' }, 1, null])
      tokens[`kid ${JSON.stringify(kid)}`] = forged({ alg: 'EdDSA', kid }, claims, (input) =>
        signBytes(null, Buffer.from(input), own.privateKey),
      );
    await expectRefused(stage, verdict, tokens);
    verdict.unharmed(trap.asked.length === 0, `the attacker's server was asked for ${trap.asked.join(', ')}`);
    const fetched = issuer.keyFetches() - fetches;
    verdict.unharmed(fetched <= FETCHES_MAX, `the issuer was asked ${fetched} times`);
    verdict.note(`${fetched} fetches of the issuer's keys`);
  },
  async twin(stage) {
    await twin(stage);
    const guarded = await Guarded.of(stage);
    // The trap works: it was not for want of an answer that nobody asked it.
    const { keys } = (await (await fetch(`${guarded.trap.url}/keys`)).json()) as { keys: unknown[] };
    const asked = guarded.trap.asked.splice(0);
    if (keys.length !== 1 || asked.length !== 1) throw new Error('the trap does not answer');
  },
};

const wrongClaims: Row = {
  id: 'C4',
  title: 'a token that is expired, not yet valid, for another audience or of another issuer',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const { url } = guarded.issuer;
    const now = Math.floor(Date.now() / 1000);
    const variants: Readonly<Record<string, Record<string, unknown>>> = {
      'expired a minute ago': { exp: now - 60 },
      'expired long ago': { iat: 0, exp: 1 },
      'without an end': { exp: undefined },
      'an end that is text': { exp: String(now + 300) },
      'an end that is infinite': { exp: 1e308 },
      'an end that is null': { exp: null },
      'valid in a minute': { nbf: now + 60 },
      'valid at a time that is text': { nbf: 'now' },
      'another audience': { aud: 'other' },
      'a part of the audience': { aud: 'guard' },
      'an audience in capitals': { aud: 'GUARDED' },
      'no audience': { aud: undefined },
      'an empty list of audiences': { aud: [] },
      'other audiences': { aud: ['other', 'guarded2'] },
      'an audience within an object': { aud: { 0: 'guarded' } },
      'another issuer': { iss: 'https://evil.example' },
      'an issuer with a slash': { iss: `${url}/` },
      'an issuer that begins alike': { iss: `${url}.evil.example` },
      'an issuer in a list': { iss: [url] },
      'no issuer': { iss: undefined },
      'no subject': { sub: undefined },
      'an empty subject': { sub: '' },
      'a subject that is no text': { sub: { toString: 'ana' } },
    };
    const tokens: Record<string, string> = {};
    for (const [name, more] of Object.entries(variants))
      tokens[name] = await sign(guarded.signers.ed, guarded.claims('ana', more));
    await expectRefused(stage, verdict, tokens);
    await elsewhere(guarded, verdict);
    await outlived(stage, guarded, verdict);
  },
  async twin(stage) {
    await twin(stage);
    const guarded = await Guarded.of(stage);
    const now = Math.floor(Date.now() / 1000);
    // Clocks differ a little, and a token may be for others too.
    for (const more of [{ exp: now - 5 }, { nbf: now + 5 }, { aud: ['other', 'guarded'] }])
      await guarded.served('/guarded/me/twin', {
        bearer: await sign(guarded.signers.ed, guarded.claims('ana', more)),
      });
  },
};

/** What a token has opened ends with it, though nothing is asked any more. */
async function outlived(stage: Stage, guarded: Guarded, verdict: Verdict): Promise<void> {
  // Within what clocks may differ by, for a little while.
  const exp = Math.floor(Date.now() / 1000) - CLOCK_SKEW_S + LEFT_S;
  const headers = {
    authorization: `Bearer ${await sign(guarded.signers.ed, guarded.claims('ana', { exp }))}`,
  };
  const stream = await open(stage.gateway, '/guarded/me/stream', { headers });
  const socket = new WebSocket(`${stage.gateway.replace('http', 'ws')}/guarded/me/socket`, { headers });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const patience = setTimeout(() => {
    verdict.passed('what a token has opened outlives it');
    stream.destroy();
    socket.terminate();
  }, OUTLIVED_MS);
  // Not `once`: being cut is an error too.
  const ended = new Promise((resolve) => stream.resume().on('close', resolve));
  const cut = new Promise((resolve) => socket.on('close', resolve));
  await Promise.all([ended, cut]);
  clearTimeout(patience);
}

/** A good token counts only where a token belongs. */
async function elsewhere(guarded: Guarded, verdict: Verdict): Promise<void> {
  const good = await guarded.token('ana');
  await withoutInvocation(guarded, verdict, async () => {
    const answers: Record<string, Answer> = {
      'none at all': await guarded.send('/guarded/me/x'),
      'in the query': await guarded.send(`/guarded/me/x?access_token=${good}&token=${good}`),
    };
    for (const [name, headers] of Object.entries({
      'in a cookie': { cookie: `token=${good}; authorization=Bearer ${good}` },
      'in a field of its own': { 'x-authorization': `Bearer ${good}`, 'x-api-key': good },
      'by another scheme': { authorization: `Basic ${good}` },
      'without a scheme': { authorization: good },
      'behind another': { authorization: `Bearer x, Bearer ${good}` },
      'for a proxy': { 'proxy-authorization': `Bearer ${good}` },
    }))
      answers[name] = await guarded.send('/guarded/me/x', { headers });
    refusedAlike(verdict, answers, 401, 'CORDON_UNAUTHENTICATED');
    const twice = await guarded.send('/guarded/me/x', {
      headers: { authorization: [`Bearer ${good}`, 'Bearer x'] },
    });
    verdict.expect(twice.status === 400, `two tokens: ${twice.status}`);
  });
}

export const TOKEN_ROWS: readonly Row[] = [noAlgorithm, confused, strangeKeys, wrongClaims];
