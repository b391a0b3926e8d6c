import { CordonError } from '../../contract/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type {
  CallHandler,
  CallReply,
  Exchange,
  ExchangeRequest,
  GuestCall,
  ResponseSink,
} from '../../instance/index.ts';
import { explainTo } from '../explain.ts';
import { allow, deny, grantOf, resourceNameFor, unknownOperation } from '../grant.ts';
import { recordLoop } from '../loops.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import type { FetchAnswer } from './contract.ts';
import { readAnswerHeaders, readServiceRequest } from './request.ts';

const DONE: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };

/** A function that can be called. */
export interface ServiceTarget {
  /** Largest request body that it takes, bytes. */
  readonly bodyBytesMax: number;
  dispatch(request: ExchangeRequest, sink: ResponseSink): Exchange;
}

/** Finds the functions of the deployment that the caller belongs to: never those of another, or of a later one. */
export interface ServiceDirectory {
  /** Null when it has no such function, or that one answers no requests. */
  find(context: CallerContext, name: string): ServiceTarget | null;
}

/** Calls from one function to another, along the edges that the manifest declares. */
export class ServiceCapability implements Capability {
  readonly name = 'service';
  readonly #directory: ServiceDirectory;
  readonly #evidence: Evidence;

  constructor(options: { readonly directory: ServiceDirectory; readonly evidence: Evidence }) {
    this.#directory = options.directory;
    this.#evidence = options.evidence;
  }

  decide({ grants }: CallerContext, { binding, operation }: GuestCall): Decision {
    const grant = grantOf(grants.service, binding);
    const name = grant?.function ?? resourceNameFor(binding);
    const resource = `service:${name}`;
    if (operation !== 'fetch') return unknownOperation(resource);
    if (grant !== null) return allow(resource, 'service', binding);
    return deny(resource, 'service', binding, 'is missing', { function: name });
  }

  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const explain = explainTo(this.#evidence, context, call);
    try {
      const name = grantOf(context.grants.service, call.binding)?.function ?? '';
      const request = readServiceRequest(context, call);
      const target = this.#directory.find(context, name);
      if (target === null)
        throw new CordonError(
          'CORDON_SERVICE_UNKNOWN',
          `The deployment has no function "${name}" that answers requests.`,
        );
      return relay(reply, target, request, explainAnswer(explain));
    } catch (thrown) {
      if (thrown instanceof CordonError && thrown.code === 'CORDON_EVENT_HOPS')
        recordLoop(this.#evidence, context, call, call.hops + 1);
      reply.fail(explain(thrown));
      return DONE;
    }
  }
}

/** What happened in the other function is the caller's to know: it is of the same app. */
function explainAnswer(explain: (thrown: unknown) => CordonError): (error: CordonError) => CordonError {
  return (error) => (/^CORDON_(?:FUNCTION|RESPONSE|BODY)_/.test(error.code) ? error : explain(error));
}

/** Joins a call to the exchange that answers it, each at the pace of the other. */
function relay(
  reply: CallReply,
  target: ServiceTarget,
  request: ExchangeRequest,
  explainFailure: (error: CordonError) => CordonError,
): CallHandler {
  let over = false;
  /** Handed on and not taken yet: no credit for it. */
  const held = { request: 0, answer: 0 };
  let bodyBytes = 0;
  const failed = (error: CordonError): void => {
    if (!over) reply.fail(explainFailure(error));
    over = true;
  };
  const exchange = target.dispatch(request, {
    head(status, headers, body, last) {
      if (over) return;
      over = last;
      const answer: FetchAnswer = { status, headers: readAnswerHeaders(headers) };
      reply.head(answer, body, last);
      if (body !== null) exchange.consumed(body.byteLength);
    },
    data(chunk) {
      if (over || reply.write(chunk)) exchange.consumed(chunk.byteLength);
      else held.answer += chunk.byteLength;
    },
    end() {
      if (!over) reply.end();
      over = true;
    },
    message() {},
    closed() {},
    failed,
    drain() {
      const bytes = held.request;
      held.request = 0;
      reply.consumed(bytes);
    },
  });
  return {
    data(chunk) {
      bodyBytes += chunk.byteLength;
      if (bodyBytes > target.bodyBytesMax) {
        exchange.abort();
        failed(new CordonError('CORDON_BODY_TOO_LARGE'));
      } else if (exchange.write(chunk)) reply.consumed(chunk.byteLength);
      else held.request += chunk.byteLength;
    },
    end() {
      if (!over) exchange.end();
    },
    cancel() {
      over = true;
      exchange.abort();
    },
    drain() {
      const bytes = held.answer;
      held.answer = 0;
      exchange.consumed(bytes);
    },
  };
}
