/* oxlint-disable -- untyped on purpose: deployed as it is */
import { behave, note } from './behave.mjs';

export default {
  async event(event, env) {
    await behave(await event.json());
    await note(env, event.id, 'other');
  },
};
