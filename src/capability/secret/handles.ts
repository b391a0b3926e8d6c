import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How every handle starts: what to look for where none belongs. */
export const HANDLE_PREFIX = 'cordon-secret:';
const HANDLE = /cordon-secret:([A-Z][A-Z0-9_]{0,63}):([A-Za-z0-9_-]{22})/g;
const TAG_LENGTH = 22;

/** Whose handle it is: one function's handle is of no use to another. */
export interface HandleOwner {
  readonly project: string;
  readonly app: string;
  readonly function: string;
}

/**
 * Handles stand in for secrets in code. A handle names its secret and cannot be turned into it; the host
 * puts the value in where a request to a granted destination carries the handle.
 */
export class SecretHandles {
  readonly #key: Buffer;

  /** The key lives as long as the process: handles that code keeps somewhere do not outlive a restart. */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  handleFor(owner: HandleOwner, secret: string): string {
    const identity = JSON.stringify([owner.project, owner.app, owner.function, secret]);
    const tag = createHmac('sha256', this.#key).update(identity).digest('base64url').slice(0, TAG_LENGTH);
    return `${HANDLE_PREFIX}${secret}:${tag}`;
  }

  /** Puts in what `valueOf` gives for each handle of the owner; a handle that gets null, or is not theirs, stays. */
  replace(text: string, owner: HandleOwner, valueOf: (secret: string) => string | null): string {
    if (!text.includes(HANDLE_PREFIX)) return text;
    return text.replaceAll(HANDLE, (handle, secret: string) => {
      const genuine = timingSafeEqual(Buffer.from(handle), Buffer.from(this.handleFor(owner, secret)));
      return (genuine ? valueOf(secret) : null) ?? handle;
    });
  }
}
