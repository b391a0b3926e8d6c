import type { Socket } from 'node:net';
import { z } from 'zod';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { Guard, SystemResolver, asEgressError, dialTcp } from '../../egress/index.ts';
import type { Resolver } from '../../egress/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import { canonicalHost, parseTcpService } from '../../manifest/index.ts';
import type { ConnectGrant } from '../../manifest/index.ts';
import { recordDenial } from '../denials.ts';
import { explainTo } from '../explain.ts';
import { OpenCalls } from '../open-calls.ts';
import type { Capability, Decision } from '../port.ts';
import type { ConnectAnswer, ConnectArgs } from './contract.ts';

const connectArgs = z.strictObject({
  host: z.string().min(1).max(255),
  port: z.number().int().min(1).max(65_535),
}) satisfies z.ZodType<ConnectArgs>;

export interface ConnectOptions {
  readonly evidence: Evidence;
  /** Default: the resolver of the machine. */
  readonly resolver?: Resolver;
  /** Ports of this machine that stay closed whatever a grant says: those of the platform itself. They may become known later. */
  readonly closedPorts?: ReadonlySet<number>;
}

/** TCP to named hosts and ports, with the same look at addresses as for `fetch`. */
export function createConnectCapability(options: ConnectOptions): Capability {
  const { resolver = new SystemResolver(), closedPorts = new Set() } = options;
  const open = new OpenCalls(LIMITS.egressConnectionsPerInstanceMax.value);
  return {
    name: 'connect',
    decide: ({ grants }, call) => decide(grants.connect, call),
    serve(context, call, reply) {
      const target = readTarget(call);
      const found = target === null ? null : findGrant(context.grants.connect, target);
      if (target === null || found === null) {
        reply.fail(new CordonError('CORDON_CALL_INVALID'));
        return { data() {}, end() {}, cancel() {}, drain() {} };
      }
      if (!open.enter(context)) {
        reply.fail(new CordonError('CORDON_EGRESS_TOO_MANY'));
        return { data() {}, end() {}, cancel() {}, drain() {} };
      }
      return new Tunnel({
        guard: new Guard({ resolver, unsafePrivate: found.grant.unsafePrivate === true, closedPorts }),
        target,
        reply,
        report: (reason, detail) => recordDenial(options.evidence, context, call, reason, detail),
        explain: explainTo(options.evidence, context, call),
        done: () => open.leave(context),
      });
    },
  };
}

function readTarget(call: GuestCall): ConnectArgs | null {
  const parsed = connectArgs.safeParse(call.args);
  if (call.operation !== 'open' || !parsed.success) return null;
  const { host: given, port } = parsed.data;
  const host = canonicalHost(given.includes(':') && !given.startsWith('[') ? `[${given}]` : given);
  return host === null ? null : { host, port };
}

function findGrant(
  grants: readonly ConnectGrant[],
  { host, port }: ConnectArgs,
): { readonly grant: ConnectGrant; readonly rule: string } | null {
  for (const [index, grant] of grants.entries()) {
    const service = parseTcpService(grant.to);
    if (service !== null && service.port === port && service.host === host)
      return { grant, rule: `grants.connect[${index}]` };
  }
  return null;
}

function decide(grants: readonly ConnectGrant[], call: GuestCall): Decision {
  const target = readTarget(call);
  if (target === null) return { outcome: 'deny', resource: 'connect', rule: 'connect.arguments', hint: '' };
  const to = `${target.host}:${target.port}`;
  const found = findGrant(grants, target);
  if (found !== null) return { outcome: 'allow', resource: `connect:${to}`, rule: found.rule, hint: '' };
  const hint = `grants.connect: [${JSON.stringify({ to })}]`;
  return { outcome: 'deny', resource: `connect:${to}`, rule: 'connect.destination', hint };
}

interface TunnelOptions {
  readonly guard: Guard;
  readonly target: ConnectArgs;
  readonly reply: CallReply;
  readonly report: (reason: string, detail: Readonly<Record<string, unknown>>) => void;
  /** What was thrown, as the guest may see it. */
  readonly explain: (thrown: unknown) => CordonError;
  readonly done: () => void;
}

/** One TCP connection of a guest. */
class Tunnel implements CallHandler {
  readonly #options: TunnelOptions;
  readonly #abort = new AbortController();
  #socket: Socket | null = null;
  #early: Uint8Array[] = [];
  #ended = false;
  #over = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    const { guard, target } = options;
    dialTcp(guard, { hostname: target.host, port: target.port }, this.#abort.signal).then(
      (socket) => this.#start(socket),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  data(chunk: Uint8Array): void {
    if (this.#socket === null) {
      // The window of the call bounds what comes before the connection stands.
      this.#early.push(chunk);
      return;
    }
    this.#socket.write(chunk, () => this.#options.reply.consumed(chunk.byteLength));
  }

  end(): void {
    this.#ended = true;
    this.#socket?.end();
  }

  cancel(): void {
    this.#finish();
  }

  drain(): void {
    this.#socket?.resume();
  }

  #start(socket: Socket): void {
    if (this.#over) {
      socket.destroy();
      return;
    }
    const { reply, target } = this.#options;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    const answer: ConnectAnswer = { host: target.host, port: target.port };
    reply.head(answer, null, false);
    socket.on('data', (chunk: Buffer) => {
      if (!this.#over && !reply.write(chunk)) socket.pause();
    });
    socket.on('end', () => {
      // The end of the answer ends the call: nobody is left to write for.
      if (!this.#over) reply.end();
      this.#finish();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (!this.#over)
        this.#fail(new CordonError('CORDON_EGRESS_FAILED', `${target.host} closed the connection.`));
    });
    for (const chunk of this.#early) this.data(chunk);
    this.#early = [];
    if (this.#ended) socket.end();
  }

  #fail(thrown: unknown): void {
    if (this.#over) return;
    const error = this.#options.explain(asEgressError(thrown, this.#options.target.host));
    if (error.code === 'CORDON_EGRESS_DENIED')
      this.#options.report(String(error.details['rule']), error.details);
    this.#options.reply.fail(error);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#early = [];
    this.#abort.abort();
    this.#socket?.destroy();
    this.#options.done();
  }
}
