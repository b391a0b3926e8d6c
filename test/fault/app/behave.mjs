/* oxlint-disable -- untyped on purpose: deployed as it is */
/** What an event asks the code to do, besides being noted. */
export async function behave({ mode, ms }) {
  switch (mode) {
    case 'poison':
      throw new Error('this one never works');
    case 'spin':
      for (;;);
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, ms));
      break;
    case 'memory': {
      const held = [];
      for (;;) held.push(new Uint8Array(16 * 1024 * 1024).fill(1));
    }
  }
}

/** Notes that an event reached a function: each run has a key of its own. */
export function note(env, id, name) {
  return env.SEEN.put(`${id} ${name} ${crypto.randomUUID()}`, '');
}
