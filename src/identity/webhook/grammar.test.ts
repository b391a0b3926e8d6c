import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { BODY, NOW, SIGN, TEXT_SECRET, assertAccepted, assertRefused, hmac } from './webhook.fixture.ts';

describe('the grammar of', () => {
  const hex = (body: Uint8Array = BODY) => hmac(TEXT_SECRET, body).toString('hex');

  it('Standard Webhooks takes several signatures and ignores those of other versions', async () => {
    const signature = SIGN.standard()['webhook-signature'] ?? '';
    const wrong = `v1,${randomBytes(32).toString('base64')}`;
    const all = `v1a,AAAA ${wrong} v2,x ${signature}`;
    await assertAccepted({ scheme: 'standard' }, { ...SIGN.standard(), 'webhook-signature': all });
    const most = [...Array.from({ length: LIMITS.webhookSignaturesMax.value - 1 }, () => wrong), signature];
    await assertAccepted({ scheme: 'standard' }, { ...SIGN.standard(), 'webhook-signature': most.join(' ') });
    most.unshift(wrong);
    await assertRefused(
      { scheme: 'standard' },
      { ...SIGN.standard(), 'webhook-signature': most.join(' ') },
      /too many signatures/,
    );
  });

  it('Standard Webhooks refuses everything else', async () => {
    const signature = SIGN.standard()['webhook-signature'] ?? '';
    for (const text of [
      '',
      signature.slice(3),
      signature.replace('v1', 'v2'),
      signature.replace('v1', 'V1'),
      signature.replace('v1,', 'v1='),
      signature.slice(0, -1),
      `${signature}=`,
      `${signature}, ${signature}`,
      ` ${signature}`,
      `${signature} `,
      signature.slice(0, 20),
      // The same bytes in another spelling.
      signature.replace(/.=$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=`),
      `v1,${Buffer.alloc(32).toString('base64url')}`,
    ]) {
      const fields = { ...SIGN.standard(), 'webhook-signature': text };
      await assertRefused({ scheme: 'standard' }, fields, /signature/);
    }
    // What is signed is `id.time.body`: with a full stop in the id it could be cut in two ways.
    for (const id of ['', 'msg.1', 'msg 1', 'msg\u00e9', 'm'.repeat(257)]) {
      const fields = { ...SIGN.standard(), 'webhook-id': id };
      await assertRefused({ scheme: 'standard' }, fields, /no usable webhook-id/);
    }
    await assertAccepted({ scheme: 'standard' }, SIGN.standard({ id: 'm'.repeat(256) }));
  });

  it('GitHub is one digest in lower-case hex and an id', async () => {
    for (const text of [
      hex(),
      `sha1=${hex()}`,
      `sha256=${hex().toUpperCase()}`,
      `SHA256=${hex()}`,
      `sha256=${hex().slice(1)}`,
      `sha256=${hex()}00`,
      `sha256= ${hex()}`,
      'sha256=',
    ]) {
      const fields = { ...SIGN.github(), 'x-hub-signature-256': text };
      await assertRefused({ scheme: 'github' }, fields, /no usable X-Hub-Signature-256/);
    }
    for (const id of ['', 'a b', 'a'.repeat(65)]) {
      const fields = { ...SIGN.github(), 'x-github-delivery': id };
      await assertRefused({ scheme: 'github' }, fields, /no usable X-GitHub-Delivery/);
    }
    await assertAccepted({ scheme: 'github' }, SIGN.github({ id: 'a'.repeat(64) }));
    // The older signature of SHA-1 is no substitute.
    await assertRefused(
      { scheme: 'github' },
      { 'x-github-delivery': 'a', 'x-hub-signature': `sha1=${'0'.repeat(40)}` },
      /no usable/,
    );
  });

  it('Stripe has one time, and signatures of which one has to be right', async () => {
    const signature = hmac(TEXT_SECRET, `${NOW}.`, BODY).toString('hex');
    const wrong = '0'.repeat(64);
    const accepted = (text: string) => assertAccepted({ scheme: 'stripe' }, { 'stripe-signature': text });
    await accepted(`t=${NOW},v1=${wrong},v1=${signature},v0=${wrong}`);
    await accepted(`v1=${signature},t=${NOW}`);
    const most = Array.from({ length: LIMITS.webhookSignaturesMax.value - 1 }, () => `v1=${wrong}`).join(',');
    await accepted(`t=${NOW},${most},v1=${signature}`);
    for (const [text, reason] of [
      [`t=${NOW},${most},v1=${wrong},v1=${signature}`, /too many signatures/],
      [`v1=${signature}`, /no time/],
      [`t=${NOW}`, /no signature of version v1/],
      [`t=${NOW},v0=${signature}`, /no signature of version v1/],
      [`t=${NOW},t=${NOW},v1=${signature}`, /two times/],
      [`t=${NOW}, v1=${signature}`, /no usable/],
      [`t=${NOW},v1=${signature},`, /no usable/],
      [`t=${NOW},v1=${signature.toUpperCase()}`, /malformed signature/],
      [`t=${NOW},v1=${signature.slice(1)}`, /malformed signature/],
      [`t=${NOW};v1=${signature}`, /no signature|malformed|no usable/],
      ['', /no usable/],
    ] as const) {
      await assertRefused({ scheme: 'stripe' }, { 'stripe-signature': text }, reason);
    }
  });

  it('Slack is one digest of version v0', async () => {
    const good = SIGN.slack()['x-slack-signature'] ?? '';
    for (const text of [
      '',
      good.slice(3),
      good.replace('v0', 'v1'),
      good.toUpperCase(),
      good.slice(0, -1),
      `${good},${good}`,
    ]) {
      const fields = { ...SIGN.slack(), 'x-slack-signature': text };
      await assertRefused({ scheme: 'slack' }, fields, /no usable X-Slack-Signature/);
    }
  });

  it('every scheme has a longest field', async () => {
    const most = LIMITS.webhookFieldBytesMax.value;
    const signature = hmac(TEXT_SECRET, `${NOW}.`, BODY).toString('hex');
    const base = `t=${NOW},v1=${signature}`;
    const padded = (length: number) => {
      let text = base;
      while (text.length < length) {
        const rest = length - text.length - ',v0='.length;
        text += `,v0=${'x'.repeat(Math.min(rest, 250))}`;
      }
      return text;
    };
    const filled = padded(most);
    assert.equal(filled.length, most);
    await assertAccepted({ scheme: 'stripe' }, { 'stripe-signature': filled });
    await assertRefused({ scheme: 'stripe' }, { 'stripe-signature': `${filled}x` }, /too long/);
  });
});
