import type { HeaderValue } from './guest-http-options.ts';

/** Headers of a request in Node's terms: names keep their spelling, values may be lists. */
export class HeaderTable {
  readonly #entries = new Map<string, { readonly name: string; readonly value: HeaderValue }>();

  set(name: string, value: HeaderValue): void {
    this.#entries.set(name.toLowerCase(), { name, value });
  }

  append(name: string, value: HeaderValue): void {
    const known = this.#entries.get(name.toLowerCase());
    if (known === undefined) this.set(name, value);
    else this.set(known.name, [...asList(known.value), ...asList(value)]);
  }

  get(name: string): HeaderValue | undefined {
    return this.#entries.get(String(name).toLowerCase())?.value;
  }

  delete(name: string): void {
    this.#entries.delete(name.toLowerCase());
  }

  all(): Record<string, HeaderValue> {
    return Object.fromEntries([...this.#entries].map(([key, { value }]) => [key, value]));
  }

  rawNames(): string[] {
    return [...this.#entries.values()].map(({ name }) => name);
  }

  /** Names and values in turn. */
  flat(): string[] {
    return [...this.#entries].flatMap(([key, { value }]) => asList(value).flatMap((item) => [key, item]));
  }
}

function asList(value: HeaderValue): string[] {
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : value.map(String);
}
