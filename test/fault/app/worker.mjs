/* oxlint-disable -- untyped on purpose: deployed as it is */
import { behave, note } from './behave.mjs';

export default {
  async queue(batch, env) {
    for (const message of batch.messages) {
      await behave(message.body);
      await note(env, message.body.id, 'worker');
      message.ack();
    }
  },
};
