import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import type { KeyWrapper } from '../port.ts';

/** What every wrapper promises. */
export function keyWrapperContract(adapter: string, open: () => KeyWrapper): void {
  suite(`the ${adapter} wrapper`, () => {
    const context = { project: 'a project', version: 3 };

    test('unwraps what it wrapped, and shows nothing of it', async () => {
      const wrapper = open();
      const key = randomBytes(32);
      const wrapped = Buffer.from(await wrapper.wrap(key, context));
      assert.equal(wrapped.includes(key), false);
      assert.equal(wrapped.includes(key.toString('base64')), false);
      assert.deepEqual(Buffer.from(await wrapper.unwrap(wrapped, context)), key);
    });

    test('unwraps nothing for another project or version, and nothing that was changed', async () => {
      const wrapper = open();
      const key = randomBytes(32);
      const wrapped = await wrapper.wrap(key, context);
      const refused = { code: 'CORDON_KEY_REFUSED' };
      await assert.rejects(wrapper.unwrap(wrapped, { project: 'another', version: 3 }), refused);
      await assert.rejects(wrapper.unwrap(wrapped, { project: 'a project', version: 4 }), refused);
      const changed = Buffer.from(wrapped);
      changed.writeUInt8(changed.readUInt8(changed.length - 20) ^ 1, changed.length - 20);
      await assert.rejects(wrapper.unwrap(changed, context), refused);
      await assert.rejects(wrapper.unwrap(wrapped.subarray(0, 10), context), refused);
      assert.deepEqual(Buffer.from(await wrapper.unwrap(wrapped, context)), key);
    });
  });
}
