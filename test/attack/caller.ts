import { once } from 'node:events';
import { request as requestPlain, type Agent, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { request as requestSecure } from 'node:https';
import { connect as connectSecure } from 'node:tls';
import type { Answer } from './stage.ts';

const CALL_TIMEOUT_MS = 20_000;

/** A request as a caller of a chosen address sends it. */
export interface Sent {
  /** Default GET. */
  readonly method?: string;
  /** As they are written, repeated ones as a list. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Address of the caller. Default: one that nobody has had, so that no row fails for what another did. */
  readonly from?: string;
  /** Keeps connections. Default: one connection a request. */
  readonly agent?: Agent;
  /** PEM of a client certificate. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

let addresses = 0;

/** A loopback address that no caller has had before. */
export function freshAddress(): string {
  addresses += 1;
  return `127.77.${1 + Math.floor(addresses / 250)}.${1 + (addresses % 250)}`;
}

/** Sends a request whose target is `path` as it stands, over HTTP/1.1, and reads the answer. */
export async function send(base: string, path: string, sent: Sent = {}): Promise<Answer> {
  const message = await open(base, path, sent);
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += String(chunk);
  return { status: message.statusCode ?? 0, headers: headersOf(message.rawHeaders), text };
}

/** The same, and leaves the body of the answer to be read. */
export async function open(base: string, path: string, sent: Sent = {}): Promise<IncomingMessage> {
  const { protocol, hostname, port } = new URL(base);
  const request = (protocol === 'https:' ? requestSecure : requestPlain)({
    hostname,
    port,
    path,
    method: sent.method ?? 'GET',
    headers: { ...sent.headers } as Record<string, string | string[]>,
    localAddress: sent.from ?? freshAddress(),
    agent: sent.agent ?? false,
    timeout: CALL_TIMEOUT_MS,
    ...sent.certificate,
  });
  request.on('timeout', () => request.destroy(new Error('no answer')));
  request.end(sent.body);
  const [message] = (await once(request, 'response')) as [IncomingMessage];
  message.on('error', () => undefined);
  return message;
}

/** Sends a request over an HTTP/2 session of its own. Names of fields have to be in lower case. */
export async function sendHttp2(base: string, path: string, sent: Sent = {}): Promise<Answer> {
  const { hostname: host, port } = new URL(base);
  const localAddress = sent.from ?? freshAddress();
  const options = { host, port: Number(port), localAddress, ALPNProtocols: ['h2'], ...sent.certificate };
  const session = connectHttp2(base, { createConnection: () => connectSecure(options) });
  try {
    await once(session, 'connect');
    return await ask(session, path, sent);
  } finally {
    session.destroy();
  }
}

async function ask(session: ClientHttp2Session, path: string, sent: Sent): Promise<Answer> {
  const stream = session.request({
    ...(sent.headers as Record<string, string | string[]>),
    ':path': path,
    ':method': sent.method ?? 'GET',
  });
  stream.setTimeout(CALL_TIMEOUT_MS, () => stream.destroy(new Error('no answer')));
  stream.end(sent.body);
  const [fields] = (await once(stream, 'response')) as [Record<string, unknown>];
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields))
    if (!name.startsWith(':')) headers.append(name, String(value));
  return { status: Number(fields[':status']), headers, text };
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i < raw.length; i += 2) headers.append(raw[i] ?? '', raw[i + 1] ?? '');
  return headers;
}
