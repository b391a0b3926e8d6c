/* oxlint-disable -- hostile code */
import { builtin } from './attempts.js';

const node = builtin('node:crypto');
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const draw = () => ({
  'Math.random': [Math.random(), Math.random(), Math.random()].join(),
  getRandomValues: hex(crypto.getRandomValues(new Uint8Array(16))),
  randomUUID: crypto.randomUUID(),
  'node randomBytes': node.randomBytes(16).toString('hex'),
  'node randomUUID': node.randomUUID(),
  'Blob URL': URL.createObjectURL(new Blob([''])),
});
/** Drawn while the module loads: the first that code can see of the state that the warm-up left. */
const early = draw();
const born = crypto.randomUUID();

export default {
  async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 250));
    return Response.json({ born, early, late: draw() });
  },
};
