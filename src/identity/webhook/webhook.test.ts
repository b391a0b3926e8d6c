import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WebhookAuthenticator } from './index.ts';
import {
  BODY,
  DATED,
  KEY,
  NOW,
  SCHEMES,
  SIGN,
  STANDARD_SECRET,
  TEXT_SECRET,
  assertAccepted,
  assertRefused,
  clockAt,
  credentialsOf,
  hmac,
  open,
} from './webhook.fixture.ts';

describe('deliveries of every scheme', () => {
  it('are accepted when they are signed with the secret', async () => {
    for (const scheme of SCHEMES) {
      assert.deepEqual(await assertAccepted({ scheme }, SIGN[scheme]()), {
        kind: 'webhook',
        authenticator: 'webhook:hook',
        subject: `${scheme}:hook`,
        credential: 'HOOK',
        scopes: [],
        claims: {},
        expiresAt: null,
      });
    }
  });

  it('are accepted with any bytes as their body, an empty one too', async () => {
    for (const body of [Buffer.alloc(0), Buffer.from([0xff, 0x00, 0xc3, 0x28])]) {
      for (const scheme of ['github', 'stripe', 'slack'] as const)
        await assertAccepted({ scheme }, SIGN[scheme]({ body }), body);
      const text = hmac(KEY, `msg_1.${NOW}.`, body).toString('base64');
      await assertAccepted(
        { scheme: 'standard' },
        { ...SIGN.standard(), 'webhook-signature': `v1,${text}` },
        body,
      );
    }
  });

  it('are refused without a body, without fields, with another body and with another secret', async () => {
    for (const scheme of SCHEMES) {
      const fields = SIGN[scheme]();
      await assertRefused({ scheme }, fields, /body is not there/, null);
      await assertRefused({ scheme }, {}, /no usable/);
      await assertRefused({ scheme }, fields, /wrong signature/, Buffer.from('{"order":2}'));
      const other = scheme === 'standard' ? `whsec_${randomBytes(32).toString('base64')}` : 'another secret';
      await assertRefused({ scheme, secrets: { HOOK: other } }, fields, /wrong signature/);
    }
  });

  it('are refused when a field is repeated', async () => {
    for (const scheme of SCHEMES) {
      const fields = SIGN[scheme]();
      for (const name of Object.keys(fields)) {
        const value = fields[name] ?? '';
        await assertRefused({ scheme }, { ...fields, [name]: [value, value] }, /no usable/);
      }
    }
  });

  it('are refused when the fields of another scheme sign them', async () => {
    for (const scheme of SCHEMES) {
      for (const other of SCHEMES) {
        if (other !== scheme) await assertRefused({ scheme }, SIGN[other](), /no usable/);
      }
    }
  });

  it('are refused after any one bit of the body, the signature or the time was turned over', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SCHEMES),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.nat(),
        fc.nat(),
        async (scheme, bytes, which, bit) => {
          // Standard Webhooks are signed by a library that takes text.
          const body =
            scheme === 'standard' ? Buffer.from(Buffer.from(bytes).toString('hex')) : Buffer.from(bytes);
          const fields = SIGN[scheme]({ body });
          await assertAccepted({ scheme }, fields, body);
          const names = Object.keys(fields).filter((name) => name !== 'x-github-delivery');
          const name = names[which % (names.length + 1)];
          if (name === undefined) {
            const index = bit % (body.length * 8);
            body.writeUInt8((body[index >> 3] ?? 0) ^ (1 << (index & 7)), index >> 3);
            await assertRefused({ scheme }, fields, /./, body);
          } else {
            const value = Buffer.from(fields[name] ?? '', 'latin1');
            const index = bit % (value.length * 8);
            value.writeUInt8((value[index >> 3] ?? 0) ^ (1 << (index & 7)), index >> 3);
            await assertRefused({ scheme }, { ...fields, [name]: value.toString('latin1') }, /./, body);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the time of a delivery', () => {
  it('may be as far away as the tolerance, and not a second further, in both directions', async () => {
    for (const scheme of DATED) {
      for (const at of [NOW - 300, NOW + 300]) await assertAccepted({ scheme }, SIGN[scheme]({ at }));
      await assertRefused({ scheme }, SIGN[scheme]({ at: NOW - 301 }), /too old/);
      await assertRefused({ scheme }, SIGN[scheme]({ at: NOW + 301 }), /from the future/);
    }
  });

  it('may not be before the start of a process that cannot know what was delivered then', async () => {
    for (const scheme of DATED) {
      await assertAccepted({ scheme, startedMsAgo: 10_000 }, SIGN[scheme]({ at: NOW - 10 }));
      await assertRefused(
        { scheme, startedMsAgo: 10_000 },
        SIGN[scheme]({ at: NOW - 11 }),
        /before the start/,
      );
    }
  });

  it('is a plain number of seconds', async () => {
    for (const text of [
      '',
      ' 1800000000',
      '01800000000',
      '1800000000.0',
      '1.8e9',
      '+1800000000',
      '0x6b49d200',
      '-1',
      '180000000000',
    ]) {
      await assertRefused(
        { scheme: 'standard' },
        { ...SIGN.standard(), 'webhook-timestamp': text },
        /no usable webhook-timestamp/,
      );
      const stripe = `t=${text},v1=${hmac(TEXT_SECRET, `${text}.`, BODY).toString('hex')}`;
      await assertRefused({ scheme: 'stripe' }, { 'stripe-signature': stripe }, /malformed time|no usable/);
      const slack = `v0=${hmac(TEXT_SECRET, `v0:${text}:`, BODY).toString('hex')}`;
      await assertRefused(
        { scheme: 'slack' },
        { 'x-slack-request-timestamp': text, 'x-slack-signature': slack },
        /no usable X-Slack-Request-Timestamp/,
      );
    }
  });
});

describe('secrets', () => {
  it('may be several, so that they can be changed without a gap, and name the credential', async () => {
    for (const scheme of SCHEMES) {
      const old = scheme === 'standard' ? STANDARD_SECRET : TEXT_SECRET;
      const next = scheme === 'standard' ? `whsec_${randomBytes(32).toString('base64')}` : 'the next one';
      const setting = { scheme, secrets: { OLD: old, NEXT: next } };
      assert.equal((await assertAccepted(setting, SIGN[scheme]({ secret: old }))).credential, 'OLD');
      assert.equal((await assertAccepted(setting, SIGN[scheme]({ secret: next }))).credential, 'NEXT');
    }
  });

  it('are accepted no longer once they are deleted, and one that is missing lets nobody in', async () => {
    for (const scheme of SCHEMES) {
      const secrets: Record<string, string | null> = {
        HOOK: scheme === 'standard' ? STANDARD_SECRET : TEXT_SECRET,
      };
      const authenticator = open({ scheme, secrets });
      const first = await authenticator.authenticate(credentialsOf(SIGN[scheme]()));
      assert.equal(first.ok, true);
      secrets['HOOK'] = null;
      const body = Buffer.from('another');
      const second = await authenticator.authenticate(credentialsOf(SIGN[scheme]({ body, id: 'x' }), body));
      assert.deepEqual(second, { ok: false, reason: 'the secret HOOK does not exist' });
    }
  });

  it('that cannot be read let nobody in', async () => {
    const authenticator = new WebhookAuthenticator({
      name: 'hook',
      spec: { scheme: 'slack', secrets: ['HOOK'], toleranceMs: 300_000 },
      secret: () => Promise.reject(new Error('no store')),
      clock: clockAt(),
    });
    assert.deepEqual(await authenticator.authenticate(credentialsOf(SIGN.slack())), {
      ok: false,
      reason: 'the credential could not be judged now',
    });
  });

  it('of Standard Webhooks are base64 of 24 to 64 bytes', async () => {
    const setting = (key: Buffer) => ({
      scheme: 'standard' as const,
      secrets: { HOOK: `whsec_${key.toString('base64')}` },
    });
    for (const bytes of [24, 64]) {
      const key = Buffer.alloc(bytes, 9);
      const secret = `whsec_${key.toString('base64')}`;
      await assertAccepted(setting(key), SIGN.standard({ secret }));
    }
    for (const bytes of [23, 65]) {
      const key = Buffer.alloc(bytes, 9);
      const secret = `whsec_${key.toString('base64')}`;
      await assertRefused(setting(key), SIGN.standard({ secret }), /no key of this scheme/);
    }
    for (const secret of ['', 'whsec_', 'whsec_not base64!', `whsec_${'A'.repeat(43)}`]) {
      await assertRefused(
        { scheme: 'standard', secrets: { HOOK: secret } },
        SIGN.standard(),
        /no key of this scheme/,
      );
    }
    await assertRefused({ scheme: 'slack', secrets: { HOOK: '' } }, SIGN.slack(), /no key of this scheme/);
  });
});
