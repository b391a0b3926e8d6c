/** At most one request in flight on a session of HTTP/2, as `Connection` is for HTTP/1.1. */
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import type { ResponseListener, Target } from './connection.ts';

export class Http2Connection {
  readonly #session: ClientHttp2Session;
  readonly #listener: ResponseListener;
  readonly #target: Target;

  private constructor(session: ClientHttp2Session, target: Target, listener: ResponseListener) {
    this.#session = session;
    this.#target = target;
    this.#listener = listener;
  }

  /** Resolves when the session stands. `beside`: one whose session it shares; null for a session of its own. */
  static async open(
    target: Target,
    listener: ResponseListener,
    beside: Http2Connection | null,
  ): Promise<Http2Connection> {
    if (beside !== null) return new Http2Connection(beside.#session, target, listener);
    const session = connect(`https://127.0.0.1:${target.port}`, { rejectUnauthorized: false });
    await once(session, 'connect');
    session.on('error', (error) => listener.failed(error));
    return new Http2Connection(session, target, listener);
  }

  send(): void {
    const { method, path, headers, body } = this.#target;
    const fields: OutgoingHttpHeaders = { ':method': method, ':path': path, ...headers };
    if (body !== undefined) fields['content-type'] = body.type;
    const stream = this.#session.request(fields, { endStream: method === 'GET' });
    let status = 0;
    stream.on('response', (head) => {
      status = Number(head[':status']);
      this.#listener.first();
    });
    stream.on('error', (error: Error) => this.#listener.failed(error));
    stream.on('end', () => this.#listener.end(status));
    stream.resume();
    if (method === 'POST') stream.end(body?.text ?? '');
  }

  close(): void {
    this.#session.removeAllListeners('error').on('error', () => undefined);
    this.#session.destroy();
  }
}
