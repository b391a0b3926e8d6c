import { CordonError, newId } from '../contract/index.ts';
import type { Capability, CallerContext, Decision } from '../capability/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { CallHandler, CallOpener, CallReply, GuestCall } from '../instance/index.ts';
import type { Meter } from './meter.ts';

/** What serves a call that was refused: it drops what still comes. */
const REFUSED: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };
/** Denials of one instance that become security events. */
const DENIALS_RECORDED_MAX = 50;

export interface BrokerOptions {
  readonly capabilities: readonly Capability[];
  readonly evidence: Evidence;
  readonly meter: Meter;
}

/** Judges, records and dispatches the calls of all instances. */
export class Broker {
  readonly #capabilities: ReadonlyMap<string, Capability>;
  readonly #evidence: Evidence;
  readonly #meter: Meter;

  constructor(options: BrokerOptions) {
    this.#capabilities = new Map(options.capabilities.map((capability) => [capability.name, capability]));
    this.#evidence = options.evidence;
    this.#meter = options.meter;
  }

  /** What serves the calls of one instance. Who calls is fixed here, once, by the socket. */
  opener(context: CallerContext): CallOpener {
    let denials = 0;
    return (call, reply) => {
      const capability = this.#capabilities.get(call.capability);
      const decision = capability?.decide(context, call) ?? unknownCapability(call);
      this.#meter.count(context, call, decision);
      if (capability === undefined || decision.outcome === 'deny') {
        denials += 1;
        if (denials <= DENIALS_RECORDED_MAX) this.#record(context, call, decision);
        reply.fail(denied(context, call, decision));
        return REFUSED;
      }
      return this.#serve(capability, context, call, reply);
    };
  }

  #serve(capability: Capability, context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    try {
      return capability.serve(context, call, reply);
    } catch (thrown) {
      const id = newId('evt');
      reply.fail(
        new CordonError('CORDON_INTERNAL', `The call failed inside Cordon (${id}).`, { cause: thrown }),
      );
      return REFUSED;
    }
  }

  #record(context: CallerContext, call: GuestCall, decision: Decision): void {
    this.#evidence.record({
      kind: 'grant.denied',
      severity: 'medium',
      app: context.app,
      function: context.function,
      instance: context.instance,
      request: call.request,
      reason: decision.rule,
      detail: {
        capability: call.capability,
        binding: call.binding,
        operation: call.operation,
        resource: decision.resource,
      },
    });
  }
}

function unknownCapability(call: GuestCall): Decision {
  return { outcome: 'deny', resource: call.capability, rule: 'capability.unknown', hint: '' };
}

function denied(context: CallerContext, call: GuestCall, decision: Decision): CordonError {
  const what = `${call.capability} ${call.operation} on ${decision.resource}`;
  const hint =
    decision.hint === ''
      ? ''
      : ` Allow it in cordon.jsonc with functions.${context.function}.${decision.hint}`;
  return new CordonError(
    'CORDON_GRANT_MISSING',
    `${context.app}/${context.function} may not ${what}: ${decision.rule}.${hint}`,
    {
      details: { rule: decision.rule, hint: decision.hint },
    },
  );
}
