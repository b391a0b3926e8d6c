import type { Readable } from 'node:stream';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { asEgressError } from '../../egress/index.ts';
import type { CallHandler, CallReply } from '../../instance/index.ts';
import type { FetchGrant } from '../../manifest/index.ts';
import type { CallerContext } from '../port.ts';
import { HANDLE_PREFIX, createRedactor } from '../secret/index.ts';
import type { Redactor } from '../secret/index.ts';
import { CallCancelled } from '../session.ts';
import type { Agents } from './agents.ts';
import type { FetchRequest, Field } from './arguments.ts';
import type { FetchAnswer } from './contract.ts';
import { addCredentials, leavePlain } from './credentials.ts';
import type { CredentialSources, Outgoing } from './credentials.ts';
import { ACCEPTED_CODINGS, decodersFor } from './decoding.ts';
import { Exchange } from './exchange.ts';
import type { Answer } from './exchange.ts';
import { fieldValue, flatten, requestFields, responseFields, withField, withoutField } from './fields.ts';
import { findGrant } from './grant-lookup.ts';
import { firstHop, isRedirect, nextHop } from './redirects.ts';
import type { Hop } from './redirects.ts';
import { RequestBody } from './request-body.ts';
import { ResponseBody } from './response-body.ts';

/** Answers up to this many bytes, by their content-length, leave in one frame. */
const WHOLE_BODY_BYTES_MAX = 16 * 1024;
/** Bytes of a redirect's body that are read away to keep its connection. */
const DUMPED_BYTES_MAX = 64 * 1024;
const NOTHING = new Uint8Array(0);

export interface FetchCallOptions extends CredentialSources {
  readonly agents: Agents;
  readonly context: CallerContext;
  readonly request: FetchRequest;
  readonly reply: CallReply;
  /** Something that an operator may have to look at. */
  readonly report: (reason: string, detail: Readonly<Record<string, unknown>>) => void;
  /** What was thrown, as the guest may see it. */
  readonly explain: (thrown: unknown) => CordonError;
  /** Called once, when the call is over. */
  readonly done: () => void;
}

/** One request of a guest to the outside, through its redirects to the end of the answer's body. */
export class FetchCall implements CallHandler {
  readonly #options: FetchCallOptions;
  /** Of the hop that runs. */
  #exchange: Exchange | null = null;
  readonly #body: RequestBody;
  #response: ResponseBody | null = null;
  #over = false;
  #reportedHandle = false;
  #tail = '';
  /** All that a hop was told: a redirect may carry it on to where the next answer shows it. */
  readonly #values = new Set<string>();

  constructor(options: FetchCallOptions) {
    this.#options = options;
    this.#body = new RequestBody((bytes) => options.reply.consumed(bytes));
    // The body that comes with the call is handed over before this runs.
    queueMicrotask(() => {
      this.#run().catch((thrown: unknown) => this.#fail(thrown));
    });
  }

  data(chunk: Uint8Array): void {
    this.#watch(chunk);
    this.#body.push(chunk);
  }

  end(): void {
    this.#body.end();
  }

  cancel(): void {
    this.#finish();
    this.#exchange?.cancel();
    this.#response?.cancel();
  }

  drain(): void {
    this.#response?.resume();
  }

  async #run(): Promise<void> {
    const { request } = this.#options;
    let hop = firstHop(request);
    if (!hop.body) this.#body.discard();
    for (;;) {
      const grant = this.#grantFor(hop);
      const outgoing = await this.#prepare(hop, grant);
      if (this.#over) return;
      const exchange = await this.#send(hop, grant, outgoing);
      const answer = await headOf(exchange, hop);
      const location = fieldValue(answer.fields, 'location');
      if (!isRedirect(answer.status) || location === null || request.redirect === 'manual') {
        this.#answer(hop, answer, exchange);
        return;
      }
      if (request.redirect === 'error')
        throw new CordonError('CORDON_EGRESS_FAILED', `${hop.url.host} answered with a redirect.`);
      await exchange.dump(DUMPED_BYTES_MAX);
      if (this.#over) return;
      hop = nextHop(hop, answer.status, location);
      if (!hop.body) this.#body.discard();
    }
  }

  /** Every request is judged, those that redirects lead to as well. Errors: CORDON_EGRESS_DENIED. */
  #grantFor(hop: Hop): FetchGrant {
    const found = findGrant(this.#options.context.grants.fetch, hop);
    if ('grant' in found) return found.grant;
    throw new CordonError(
      'CORDON_EGRESS_DENIED',
      `A redirect leads to ${hop.method} ${hop.url.origin}, which no grant allows (${found.failed}).`,
      { details: { rule: 'redirect', host: hop.url.host } },
    );
  }

  async #prepare(hop: Hop, grant: FetchGrant): Promise<Outgoing> {
    const { context } = this.#options;
    const draft = {
      url: hop.url,
      method: hop.method,
      fields: requestFields(hop.fields),
      body: hop.body ? this.#body : null,
    };
    const outgoing = hop.foreign
      ? leavePlain(draft)
      : await addCredentials(draft, grant, context, this.#options);
    if (outgoing.strayHandle) this.#reportHandle('request');
    for (const value of outgoing.values) this.#values.add(value);
    return outgoing;
  }

  async #send(hop: Hop, grant: FetchGrant, outgoing: Outgoing): Promise<Exchange> {
    let { fields } = outgoing;
    const decodes = this.#options.request.decode || this.#values.size > 0;
    if (decodes && (this.#options.request.decode || fieldValue(fields, 'accept-encoding') !== null))
      fields = withField(fields, 'accept-encoding', ACCEPTED_CODINGS);
    const body = outgoing.bytes ?? (hop.body ? await this.#bodyOf(hop) : null);
    if (body === null || Buffer.isBuffer(body)) fields = withoutField(fields, 'content-length');
    // It may have ended while its body was waited for.
    if (this.#over) throw new CallCancelled();
    const { url } = outgoing;
    const exchange = Exchange.send(this.#options.agents.for(grant), {
      origin: url.origin,
      path: url.pathname + url.search,
      method: hop.method,
      headers: flatten(fields),
      body,
    });
    this.#exchange = exchange;
    return exchange;
  }

  /** The body for a hop: as it comes for the first, again for the next ones. */
  async #bodyOf(hop: Hop): Promise<Buffer | Readable> {
    const whole = this.#body.whole();
    if (whole !== null) return whole;
    return hop.redirects === 0
      ? this.#body.stream()
      : await this.#body.collect(LIMITS.egressReplayBodyBytesMax.value);
  }

  #answer(hop: Hop, { status, statusText, fields: received }: Answer, exchange: Exchange): void {
    const redactor = createRedactor(this.#values);
    const bodyless = hop.method === 'HEAD' || status === 204 || status === 205 || status === 304;
    const coding = fieldValue(received, 'content-encoding');
    const decodes = !bodyless && coding !== null && (this.#options.request.decode || !redactor.empty);
    const decoders = decodes ? decodersFor(coding) : [];
    if (decoders === null && !redactor.empty)
      throw new CordonError('CORDON_EGRESS_FAILED', `${hop.url.host} answered in an unknown content coding.`);
    let fields = responseFields(received);
    if (decoders !== null && decoders.length > 0) {
      fields = withoutField(withoutField(fields, 'content-encoding'), 'content-length');
    } else if (!redactor.empty && !bodyless) fields = withoutField(fields, 'content-length');
    const value: FetchAnswer = {
      status,
      statusText: redactBytes(redactor, statusText),
      headers: flatten(fields.map(([name, text]): Field => [name, redactBytes(redactor, text)])),
      url: redactor.redact(hop.url.href),
      redirected: hop.redirects > 0,
    };
    if (bodyless) {
      void exchange.dump(DUMPED_BYTES_MAX);
      this.#options.reply.head(value, null, true);
      this.#finish();
      return;
    }
    const length = Number(fieldValue(received, 'content-length') ?? Number.NaN);
    const whole = decoders?.length === 0 && length <= WHOLE_BODY_BYTES_MAX;
    this.#pass(value, { source: exchange, decoders: decoders ?? [], redactor, whole, host: hop.url.host });
  }

  #pass(
    value: FetchAnswer,
    {
      source,
      decoders,
      redactor,
      whole,
      host,
    }: {
      readonly source: Exchange;
      readonly decoders: NonNullable<ReturnType<typeof decodersFor>>;
      readonly redactor: Redactor;
      readonly whole: boolean;
      readonly host: string;
    },
  ): void {
    const { reply } = this.#options;
    const pieces: Uint8Array[] = [];
    if (!whole) reply.head(value, null, false);
    this.#response = new ResponseBody({
      source,
      decoders,
      redaction: redactor.stream(),
      sink: {
        write: (bytes) => (whole ? pieces.push(bytes) > 0 : reply.write(bytes)),
        end: () => {
          if (this.#over) return;
          if (whole)
            reply.head(value, pieces.length === 1 ? (pieces[0] ?? NOTHING) : Buffer.concat(pieces), true);
          else reply.end();
          this.#finish();
        },
        fail: (thrown) => this.#fail(asEgressError(thrown, host)),
      },
    });
  }

  /** Handles belong into headers. In a body they stay what they are, and someone should know. */
  #watch(chunk: Uint8Array): void {
    if (this.#reportedHandle) return;
    const text =
      this.#tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    if (text.includes(HANDLE_PREFIX)) this.#reportHandle('body');
    this.#tail = text.slice(1 - HANDLE_PREFIX.length);
  }

  #reportHandle(where: 'request' | 'body'): void {
    if (this.#reportedHandle) return;
    this.#reportedHandle = true;
    this.#options.report('secret.destination', { host: this.#options.request.url.host, where });
  }

  #fail(thrown: unknown): void {
    if (this.#over) return;
    const error = this.#options.explain(thrown);
    if (error.code === 'CORDON_EGRESS_DENIED')
      this.#options.report(String(error.details['rule']), error.details);
    this.#options.reply.fail(error);
    this.#finish();
    this.#exchange?.cancel();
    this.#response?.cancel();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#body.discard();
    this.#options.done();
  }
}

/** Fields and reasons are bytes, read as Latin-1: a value in them may be in that or in UTF-8. */
function redactBytes(redactor: Redactor, text: string): string {
  if (redactor.empty) return text;
  const stream = redactor.stream();
  return Buffer.concat([stream.push(Buffer.from(text, 'latin1')), stream.flush()]).toString('latin1');
}

async function headOf(exchange: Exchange, hop: Hop): Promise<Answer> {
  try {
    return await exchange.head;
  } catch (thrown) {
    throw asEgressError(thrown, hop.url.host);
  }
}
