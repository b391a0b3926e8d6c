import {
  makeAuthority,
  makeClient,
  PURPOSES,
  type CertificateOptions,
  type Issued,
} from '../../../src/identity/mtls/certificates.fixture.ts';
import { send, sendHttp2, type Sent } from '../caller.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row } from '../row.ts';
import { Secure } from '../secure.ts';

const PATH = '/gated/partners/x';
const HOUR_MS = 3_600_000;
/** Of a machine that may call. */
const WORKER: CertificateOptions = {
  key: 'p256',
  subject: 'worker',
  names: [{ type: 'dns', value: 'one.partners.example' }],
};

type Certificate = NonNullable<Sent['certificate']>;

function shown({ pem, keyPem }: Issued, ...between: readonly Issued[]): Certificate {
  return { cert: [pem, ...between.map((issued) => issued.pem)].join(''), key: keyPem };
}

/** Status of the answer by either protocol, or that the handshake failed. */
async function outcomes({ url }: Secure, sent: Sent): Promise<string[]> {
  const found: string[] = [];
  for (const by of [send, sendHttp2]) {
    const outcome = await by(url, PATH, sent).then(
      ({ status }) => String(status),
      () => 'no handshake',
    );
    found.push(outcome);
  }
  return found;
}

async function strangers({ authority }: Secure): Promise<Record<string, Certificate | null>> {
  const now = Date.now();
  const same = await makeAuthority({ subject: 'partners' });
  const good = await makeClient(authority, WORKER);
  const ofGood = await makeClient(good, WORKER);
  const narrow = await makeAuthority({ subject: 'below', pathLength: 0 }, authority);
  const deeper = await makeAuthority({ subject: 'deeper' }, narrow);
  const of = async (more: CertificateOptions, by = authority): Promise<Certificate> =>
    shown(await makeClient(by, { ...WORKER, ...more }));
  return {
    none: null,
    'an authority of the same name': await of({}, same),
    'an authority of the same name, sent along': shown(await makeClient(same, WORKER), same),
    'one that signed itself': shown(await makeAuthority({ ...WORKER, authority: false })),
    'one that expired': await of({
      notBefore: new Date(now - 2 * HOUR_MS),
      notAfter: new Date(now - 60_000),
    }),
    'one of tomorrow': await of({
      notBefore: new Date(now + HOUR_MS),
      notAfter: new Date(now + 2 * HOUR_MS),
    }),
    'one for servers': await of({ purposes: [PURPOSES.server] }),
    'one that a client signed': shown(ofGood, good),
    'a chain past its length': shown(await makeClient(deeper, WORKER), deeper, narrow),
    'an intermediate that is not sent': await of({}, narrow),
    'another name': await of({ names: [{ type: 'dns', value: 'one.strangers.example' }] }),
    'a name that begins alike': await of({
      names: [{ type: 'dns', value: 'one.partners.example.evil.example' }],
    }),
    'a name that ends alike': await of({ names: [{ type: 'dns', value: 'evilpartners.example' }] }),
    'a name with a NUL': await of({ names: [{ type: 'dns', value: 'one.partners.example\0.evil.example' }] }),
    'the name in another field': await of({ subject: 'one.partners.example', names: [] }),
    'the name as an address': await of({ names: [{ type: 'email', value: 'DNS:one.partners.example' }] }),
    'a name within a name': await of({ subject: 'x, CN=teller', names: [] }),
    'no name at all': await of({ subject: [], names: [] }),
  };
}

const certificates: Row = {
  id: 'C7',
  title: 'client certificates: none, of another authority, expired, of another subject, by a header',
  event: null,
  async attack(stage, verdict) {
    const secure = await Secure.of(stage);
    const before = await secure.stage.lastEvent();
    const shownByStrangers = await strangers(secure);
    await withoutInvocation(secure, verdict, async () => {
      for (const [name, certificate] of Object.entries(shownByStrangers)) {
        for (const outcome of await outcomes(secure, certificate === null ? {} : { certificate }))
          verdict.expect(['401', 'no handshake'].includes(outcome), `${name}: ${outcome}`);
      }
      const good = await makeClient(secure.authority, WORKER);
      const text = encodeURIComponent(good.pem);
      for (const name of [
        'x-client-cert',
        'x-forwarded-client-cert',
        'x-ssl-client-cert',
        'ssl-client-cert',
        'client-cert',
        'x-forwarded-tls-client-cert',
        'x-amzn-mtls-clientcert',
        'x-cordon-identity',
      ]) {
        for (const outcome of await outcomes(secure, {
          headers: { [name]: text, 'x-ssl-client-verify': 'SUCCESS' },
        }))
          verdict.expect(outcome === '401', `${name}: ${outcome}`);
      }
    });
    const kinds = (await secure.stage.events(before)).map(({ kind }) => kind);
    verdict.expect(kinds.includes('auth.failed'), 'no event auth.failed');
    for (const problem of await secure.stage.damage()) verdict.harmed(problem);
    verdict.note(`${Object.keys(shownByStrangers).length} certificates`);
  },
  async twin(stage) {
    const secure = await Secure.of(stage);
    const below = await makeAuthority({ subject: 'below' }, secure.authority);
    const good = {
      'a name': shown(await makeClient(secure.authority, WORKER)),
      'a common name': shown(await makeClient(secure.authority, { key: 'p256', subject: 'teller' })),
      'an intermediate': shown(await makeClient(below, WORKER), below),
    };
    for (const [name, certificate] of Object.entries(good)) {
      const found = await outcomes(secure, { certificate });
      if (found.join() !== '200,200') throw new Error(`${name}: ${found.join()}`);
    }
    // Whoever is not asked for one needs none, and may have one of anybody.
    const stranger = shown(await makeClient(await makeAuthority(), WORKER));
    for (const sent of [{}, { certificate: stranger }]) {
      const { status } = await send(secure.url, '/gated/open/x', sent);
      if (status !== 200) throw new Error(`an open route: ${status}`);
    }
  },
};

export const CERTIFICATE_ROWS: readonly Row[] = [certificates];
