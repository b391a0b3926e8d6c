import type { Vault } from './port.ts';

/** Seals the texts of one project. Fails as `Vault.seal` and `Vault.open` do. */
export interface TextSealer {
  /** The bytes themselves while the key is in memory, a promise of them otherwise. */
  seal(place: string, text: string): Uint8Array | Promise<Uint8Array>;
  open(place: string, sealed: Uint8Array): string | Promise<string>;
}

export function textSealer(vault: Pick<Vault, 'seal' | 'open'>, project: string): TextSealer {
  return {
    seal: (place, text) => vault.seal(project, place, Buffer.from(text)),
    open(place, sealed) {
      const opened = vault.open(project, place, sealed);
      return opened instanceof Promise ? opened.then(textOf) : textOf(opened);
    },
  };
}

/** Leaves texts in the clear, as UTF-8: for what is kept in memory or nowhere. */
export const UNSEALED: TextSealer = {
  // Not from the pool of small buffers: what is sent to another thread would take its neighbours along.
  seal: (_place, text) => new TextEncoder().encode(text),
  open: (_place, bytes) => textOf(bytes),
};

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
