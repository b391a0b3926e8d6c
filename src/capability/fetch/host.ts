import { CordonError, LIMITS, systemClock } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { SystemResolver } from '../../egress/index.ts';
import type { Resolver } from '../../egress/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import { recordDenial } from '../denials.ts';
import { explainTo } from '../explain.ts';
import { OpenCalls } from '../open-calls.ts';
import type { CallerContext, Capability } from '../port.ts';
import { SecretHandles } from '../secret/index.ts';
import type { SecretSource } from '../secret/index.ts';
import { Agents } from './agents.ts';
import type { FetchTimeouts } from './agents.ts';
import { readRequest } from './arguments.ts';
import type { FetchRequest } from './arguments.ts';
import { FetchCall } from './fetch-call.ts';
import { decideFetch } from './grant-lookup.ts';

/** What serves a call that cannot be served: it drops what still comes. */
const REFUSED: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };

export interface FetchOptions {
  readonly secrets: SecretSource;
  readonly evidence: Evidence;
  /** The handles that guests hold. Default: handles that nobody holds. */
  readonly handles?: SecretHandles;
  /** Default: the resolver of the machine. */
  readonly resolver?: Resolver;
  readonly clock?: Clock;
  /** Certificates to trust besides those of the runtime, in PEM. */
  readonly ca?: readonly string[];
  readonly timeouts?: Partial<FetchTimeouts>;
  /** Ports of this machine that stay closed whatever a grant says: those of the platform itself. They may become known later. */
  readonly closedPorts?: ReadonlySet<number>;
}

export interface FetchCapability extends Capability {
  /** Ends all connections. */
  close(): Promise<void>;
}

/**
 * HTTP to the outside: checked addresses, redirects that are judged again, secrets that only the host
 * knows, and bounds on all of it.
 */
export function createFetchCapability(options: FetchOptions): FetchCapability {
  const { secrets, handles = new SecretHandles(), clock = systemClock, timeouts } = options;
  const agents = new Agents({
    resolver: options.resolver ?? new SystemResolver(clock),
    ca: options.ca,
    closedPorts: options.closedPorts ?? new Set(),
    timeouts: {
      connectMs: timeouts?.connectMs ?? LIMITS.egressConnectTimeoutMs.value,
      headersMs: timeouts?.headersMs ?? LIMITS.egressHeadersTimeoutMs.value,
      idleMs: timeouts?.idleMs ?? LIMITS.egressIdleTimeoutMs.value,
    },
  });
  const open = new OpenCalls(LIMITS.egressRequestsPerInstanceMax.value);
  // Parsed once: what was judged is what is sent.
  const requests = new WeakMap<GuestCall, FetchRequest>();

  function serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const request = requests.get(call);
    if (request === undefined) {
      reply.fail(new CordonError('CORDON_CALL_INVALID', 'The request is not one that can be sent.'));
      return REFUSED;
    }
    if (!open.enter(context)) {
      reply.fail(new CordonError('CORDON_EGRESS_TOO_MANY'));
      return REFUSED;
    }
    return new FetchCall({
      agents,
      secrets,
      handles,
      now: () => clock.now(),
      context,
      request,
      reply,
      report: (reason, detail) => recordDenial(options.evidence, context, call, reason, detail),
      explain: explainTo(options.evidence, context, call),
      done: () => open.leave(context),
    });
  }

  return {
    name: 'fetch',
    decide({ grants }, call) {
      const request = call.operation === 'fetch' ? readRequest(call.args) : null;
      if (request !== null) requests.set(call, request);
      return decideFetch(grants.fetch, request);
    },
    serve,
    close: () => agents.close(),
  };
}
