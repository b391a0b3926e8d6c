import type { GuestError } from '../channel/index.ts';

const TEXT_MAX = 4096;

function cut(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}

/** Whatever was thrown, as bounded data. It never throws itself, whatever getters the value has. */
export function describeError(thrown: unknown): GuestError {
  try {
    if (thrown instanceof Error) {
      return {
        name: cut(String(thrown.name)),
        message: cut(String(thrown.message)),
        stack: cut(String(thrown.stack ?? '')),
      };
    }
    return { name: 'Error', message: cut(`threw ${Deno.inspect(thrown, { depth: 1 })}`), stack: '' };
  } catch {
    return { name: 'Error', message: 'threw a value that cannot be read', stack: '' };
  }
}
