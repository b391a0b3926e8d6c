import { CordonError, newId } from '../contract/index.ts';
import { recordDenial, redactDenials } from '../capability/index.ts';
import type { Capability, CallerContext, Decision, Redactor } from '../capability/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { CallFailure, CallHandler, CallOpener, CallReply, GuestCall } from '../instance/index.ts';
import type { Meter } from './meter.ts';

/** What serves a call that was refused: it drops what still comes. */
const REFUSED: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };

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

  /**
   * What serves the calls of one instance. Who calls is fixed here, once, by the socket. What is recorded about
   * refused calls goes through `redactor`.
   */
  opener(context: CallerContext, redactor: Redactor): CallOpener {
    redactDenials(context, redactor);
    return (call, reply) => {
      const capability = this.#capabilities.get(call.capability);
      const decision = capability?.decide(context, call) ?? unknownCapability(call);
      this.#meter.count(context, call, decision);
      if (capability === undefined || decision.outcome === 'deny') {
        const { binding } = call;
        const { resource, rule, operation = call.operation } = decision;
        recordDenial(this.#evidence, context, call, rule, { binding, operation, resource });
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
}

function unknownCapability(call: GuestCall): Decision {
  return { outcome: 'deny', resource: call.capability, rule: 'capability.unknown', hint: '' };
}

/** A plain value: guests are refused often, and nobody asks for the stack of it. */
function denied(context: CallerContext, call: GuestCall, decision: Decision): CallFailure {
  const what = `${call.capability} ${decision.operation ?? call.operation} on ${decision.resource}`;
  const hint =
    decision.hint === ''
      ? ''
      : ` Allow it in cordon.jsonc with functions.${context.function}.${decision.hint}`;
  return {
    code: 'CORDON_GRANT_MISSING',
    message: `${context.app}/${context.function} may not ${what}: ${decision.rule}.${hint}`,
  };
}
