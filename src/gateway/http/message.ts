import type { IncomingHttpHeaders } from 'node:http';

/** A request as its parser hands it over, of HTTP/1.1 or HTTP/2: as much of it as the gateway reads. */
export interface IncomingRequest {
  readonly method?: string | undefined;
  /** Request target. */
  readonly url?: string | undefined;
  /** `1.0`, `1.1` or `2.0`. */
  readonly httpVersion: string;
  /** Flat, as sent; pseudo-header fields of HTTP/2 included. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingHttpHeaders;
  /** HTTP/2 alone, where no field says it: false where the head ended the request. */
  readonly hasBody?: boolean;
  /** HTTP/1.1 alone: true once all of it has arrived, read or not. */
  readonly complete?: boolean;
  /** True once all of the body was read. */
  readonly readableEnded: boolean;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** Where the answer to a request is written, framed by its protocol. */
export interface OutgoingResponse {
  /** `fields`: flat. They leave with the first piece of the body, or by `flushHeaders`. */
  writeHead(status: number, fields: string[]): unknown;
  writeContinue(): void;
  flushHeaders(): void;
  /** False: wait for `drain`. */
  write(bytes: Uint8Array | string, encoding?: BufferEncoding): boolean;
  end(): unknown;
  end(last: Uint8Array | string, encoding: BufferEncoding): unknown;
  on(event: 'finish' | 'drain', listener: () => void): unknown;
}

/** True where a body belongs to the request, be it empty. */
export function announcesBody({ hasBody, headers }: IncomingRequest): boolean {
  return hasBody ?? (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}
