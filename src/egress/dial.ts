import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Guard } from './guard.ts';

/** Connects with TCP. Errors: CORDON_EGRESS_DENIED, CORDON_EGRESS_FAILED, CORDON_EGRESS_TIMEOUT, or the signal's reason. */
export function dialTcp(
  guards: Guard,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const timeoutMs = LIMITS.egressConnectTimeoutMs.value;
  const guard = guards.at(port);
  const refuse = (thrown: unknown): void => {
    socket?.destroy();
    reject(asEgressError(thrown, hostname));
  };
  let socket: Socket | null = null;
  const timer = setTimeout(
    () => refuse(new CordonError('CORDON_EGRESS_TIMEOUT', `Connecting to ${hostname} took too long.`)),
    timeoutMs,
  );
  const abort = (): void => refuse(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    guard.checkHost(hostname);
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    const made = connect({ host, port, lookup: guard.lookup, autoSelectFamily: true, allowHalfOpen: true });
    socket = made;
    made.on('error', refuse);
    made.once('connect', () => {
      try {
        guard.checkConnected(hostname, made);
        resolve(made);
      } catch (thrown) {
        refuse(thrown);
      }
    });
  } catch (thrown) {
    refuse(thrown);
  }
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    socket?.off('error', refuse);
  });
}

export interface ConnectorOptions {
  readonly connectTimeoutMs: number;
  /** More certificates to trust than those of the runtime, in PEM. */
  readonly ca?: readonly string[] | undefined;
}

/** How undici connects, so that it cannot connect past the guard. */
export function guardedConnector(guards: Guard, options: ConnectorOptions): buildConnector.connector {
  // One for each guard, as undici looks names up by what it was built with.
  const connectors = new Map<Guard, buildConnector.connector>();
  return (target, callback) => {
    const guard = guards.at(portOf(target));
    const base = connectors.get(guard) ?? connectorFor(guard, options);
    connectors.set(guard, base);
    try {
      guard.checkHost(target.hostname);
    } catch (thrown) {
      process.nextTick(callback, thrown, null);
      return;
    }
    base(target, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      try {
        guard.checkConnected(target.hostname, socket);
      } catch (thrown) {
        socket.destroy();
        callback(thrown as Error, null);
        return;
      }
      callback(null, socket);
    });
  };
}

function connectorFor(guard: Guard, options: ConnectorOptions): buildConnector.connector {
  return buildConnector({
    timeout: options.connectTimeoutMs,
    allowH2: true,
    lookup: guard.lookup,
    autoSelectFamily: true,
    ...(options.ca === undefined ? {} : { ca: [...options.ca] }),
  });
}

function portOf({ port, protocol }: buildConnector.Options): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);
const TOO_LARGE: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'HPE_HEADER_OVERFLOW',
]);

/** Whatever connecting or speaking HTTP throws, as an error that code in a sandbox may see. */
export function asEgressError(thrown: unknown, host: string): Error {
  if (thrown instanceof CordonError || (thrown instanceof Error && thrown.name === 'AbortError'))
    return thrown;
  const code = errorCode(thrown);
  if (TIMEOUTS.has(code))
    return new CordonError('CORDON_EGRESS_TIMEOUT', `${host} did not answer in time.`, { cause: thrown });
  if (TOO_LARGE.has(code))
    return new CordonError('CORDON_EGRESS_TOO_LARGE', `The headers of ${host} are too large.`, {
      cause: thrown,
    });
  // The code alone: a message may hold addresses, headers or parts of the body.
  const why = code === '' ? '' : ` (${code})`;
  return new CordonError('CORDON_EGRESS_FAILED', `The request to ${host} failed${why}.`, { cause: thrown });
}

function errorCode(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  const { code } = thrown as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : '';
}
