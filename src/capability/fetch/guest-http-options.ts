/** Options of `http.request`, read once. */
export interface HttpOptions {
  readonly url: URL;
  /** As it was given, for `request.path`. */
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: HeaderValue])[];
  /** Milliseconds without activity until `timeout`; 0 for none. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null;
}

export type HeaderValue = string | number | readonly string[];
type Raw = Readonly<Record<string, unknown>>;

/** `request(url, options, listener)`, with each of them optional. Errors: TypeError for no URL. */
export function readHttpArguments(
  args: readonly unknown[],
  defaultProtocol: string,
): { readonly options: HttpOptions; readonly listener: ((response: never) => void) | null } {
  const options: Record<string, unknown> = {};
  let listener: ((response: never) => void) | null = null;
  for (const argument of args) {
    if (typeof argument === 'string') Object.assign(options, fromUrl(new URL(argument)));
    else if (argument instanceof URL) Object.assign(options, fromUrl(argument));
    else if (typeof argument === 'function') listener = argument as (response: never) => void;
    else if (typeof argument === 'object' && argument !== null) Object.assign(options, argument);
  }
  return { options: readOptions(options, defaultProtocol), listener };
}

function fromUrl(url: URL): Raw {
  const { username, password } = url;
  return {
    protocol: url.protocol,
    hostname: url.hostname,
    port: url.port,
    path: url.pathname + url.search,
    ...(username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  };
}

function readOptions(options: Raw, defaultProtocol: string): HttpOptions {
  if (options['socketPath'] !== undefined && options['socketPath'] !== null)
    throw new TypeError('There are no local sockets in a sandbox.');
  const protocol = text(options['protocol']) || defaultProtocol;
  const host = text(options['hostname']) || hostWithoutPort(text(options['host'])) || 'localhost';
  const port = text(options['port'] ?? options['defaultPort']);
  const path = text(options['path']) || '/';
  const headers = readHeaders(options['headers']);
  const auth = text(options['auth']);
  if (auth !== '' && !headers.some(([name]) => name.toLowerCase() === 'authorization'))
    headers.push(['authorization', `Basic ${base64(auth)}`]);
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return {
    // A path that is a whole URL is how clients speak to a proxy.
    url: new URL(
      /^https?:\/\//.test(path) ? path : `${protocol}//${bracketed}${port === '' ? '' : `:${port}`}${path}`,
    ),
    path,
    method: (text(options['method']) || 'GET').toUpperCase(),
    headers,
    timeoutMs: Number(options['timeout'] ?? 0),
    signal: options['signal'] instanceof AbortSignal ? options['signal'] : null,
  };
}

/** An object, pairs in one array, or an array of pairs. */
function readHeaders(given: unknown): [string, HeaderValue][] {
  if (typeof given !== 'object' || given === null) return [];
  if (given instanceof Headers) return [...given];
  if (!Array.isArray(given))
    return Object.entries(given as Record<string, HeaderValue | undefined>).filter(
      (entry): entry is [string, HeaderValue] => entry[1] !== undefined,
    );
  const list = given as readonly unknown[];
  if (list.every((item) => Array.isArray(item))) return list as [string, HeaderValue][];
  const pairs: [string, HeaderValue][] = [];
  for (let index = 0; index + 1 < list.length; index += 2)
    pairs.push([text(list[index]), list[index + 1] as HeaderValue]);
  return pairs;
}

function hostWithoutPort(host: string): string {
  return host.startsWith('[') || host.split(':').length > 2 ? host : (host.split(':')[0] ?? '');
}

function base64(value: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(value)));
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
