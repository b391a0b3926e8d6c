/** Reads bytes in pieces and says whether they are text in UTF-8 without NUL. */
export class TextCheck {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #isText = true;

  add(chunk: Uint8Array): void {
    if (!this.#isText) return;
    this.#isText = !chunk.includes(0) && this.#decodes(chunk, true);
  }

  end(): boolean {
    return this.#isText && this.#decodes(new Uint8Array(0), false);
  }

  #decodes(chunk: Uint8Array, stream: boolean): boolean {
    try {
      this.#decoder.decode(chunk, { stream });
      return true;
    } catch {
      return false;
    }
  }
}

/** Whether a start holds no binary data byte (WHATWG MIME Sniffing, section 3). */
export function looksLikeText(head: Uint8Array): boolean {
  return head.every(
    (byte) => byte > 0x1f || byte === 0x1b || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b),
  );
}
