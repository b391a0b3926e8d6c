import { hash } from 'node:crypto';
import type { Per } from '../manifest/index.ts';

/** Who calls, as far as limits care. */
export interface Who {
  /** What `addressGroup` says of the caller's address. */
  readonly address: string;
  /** Authenticator and subject, such as `jwt:customers 42`; null for a caller who is not known. */
  readonly subject: string | null;
  /** Authenticator and credential; null for a caller who is not known. */
  readonly key: string | null;
}

/** Where the limits of a route hold. */
export interface RouteScope {
  /** App, function, methods and path: the same in every deployment, so that a deploy resets nothing. */
  readonly route: string;
  readonly project: string;
}

/** A longer name is counted under its hash. */
const NAME_CHARS_MAX = 256;

/**
 * Names what is counted together under one rule. `route` is everything on the route, `subject`, `key` and
 * `address` are one caller on the route, and `project` is everything under the same rule on all routes of
 * the project. A caller who is not known has no subject and no key, and is counted by address.
 */
export class Scope {
  readonly #per: Per;
  readonly #prefix: string;

  /** `rule` is part of the name, so that a rule that was changed starts afresh. */
  constructor(per: Per, rule: string, { route, project }: RouteScope) {
    this.#per = per;
    const place = per === 'project' ? ['project', project] : ['route', project, route];
    this.#prefix = hash('sha256', JSON.stringify([...place, per, rule]), 'base64url');
  }

  keyOf(who: Who): string {
    switch (this.#per) {
      case 'route':
      case 'project':
        return this.#prefix;
      case 'subject':
        return this.#prefix + nameOf(who.subject, who.address);
      case 'key':
        return this.#prefix + nameOf(who.key, who.address);
      case 'address':
        return this.#prefix + nameOf(null, who.address);
    }
  }
}

/** The marks keep one kind of name from being written as another. */
function nameOf(known: string | null, address: string): string {
  if (known === null) return `@${address}`;
  return known.length > NAME_CHARS_MAX ? `#${hash('sha256', known, 'base64url')}` : `=${known}`;
}
