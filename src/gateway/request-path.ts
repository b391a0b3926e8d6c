import type { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { OidcLogin } from '../identity/index.ts';
import { LoadShedder, LoopLag, addressGroup } from '../rate/index.ts';
import { Admission } from './stages/admit.ts';
import type { AnswerRules } from './http/answer.ts';
import { authorize } from './stages/authorize.ts';
import { acceptEvents } from './events/accept-events.ts';
import { MessageBody } from './http/body-source.ts';
import type { Connection } from './http/connection.ts';
import { originOf, singleField } from './guards/credentials.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { HttpExchange } from './exchange/http-exchange.ts';
import type { Outcome as ExchangeOutcome } from './exchange/http-exchange.ts';
import { identify } from './stages/identify.ts';
import type { IdentifyRules } from './stages/identify.ts';
import type { Journal } from './journal.ts';
import { judged, Judging } from './stages/judging.ts';
import type { IncomingRequest, OutgoingResponse } from './http/message.ts';
import { OwnExchange } from './exchange/own-exchange.ts';
import type { OwnAnswer } from './exchange/own-exchange.ts';
import { isStrict, ownFields } from './http/own-fields.ts';
import { readMessage, receive, sourceOf } from './stages/receive.ts';
import type { ReadMessage, ReceiveRules } from './stages/receive.ts';
import { Refusal } from './stages/refusal.ts';
import { NO_ROUTE, compileResponsePolicy } from './http/response-policy.ts';
import type { Preflight } from './http/response-policy.ts';
import { route } from './stages/route.ts';
import type { Delivered, Identified, Outcome, Received, Routed, Validated } from './stages/stages.ts';
import { held, step } from './stages/step.ts';
import { validate } from './stages/validate.ts';
import { WebSocketExchange } from './exchange/web-socket-exchange.ts';
import { checkHandshake, Handshaker } from './exchange/web-socket-handshake.ts';

/** A request as the listener hands it over, with what it takes to answer it. */
export interface Intake {
  readonly id: string;
  readonly message: IncomingRequest;
  readonly response: OutgoingResponse;
  readonly connection: Connection;
  readonly awaitsContinue: boolean;
  /** Null for a plain request. */
  readonly upgrade: Upgrade | null;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** What an upgrade of HTTP/1.1 has besides: its own types of node, and what followed the handshake. */
export interface Upgrade {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly early: Buffer;
}

/** What answers without a route have. Where the target could not be read, nothing is asked of browsers for later. */
const UNROUTED = compileResponsePolicy(NO_ROUTE).fieldsFor(null, false);

/** The way of every request: through the stages, to a function or to a refusal. */
export class RequestPath {
  readonly #options: GatewayOptions;
  readonly #rules: AnswerRules;
  readonly #journal: Journal;
  readonly #admission: Admission;
  readonly #lag: LoopLag;
  readonly #handshaker: Handshaker;
  readonly #identifyRules: IdentifyRules;
  readonly #webSockets = new Set<WebSocketExchange>();
  #requests = 0;

  constructor(options: GatewayOptions, rules: AnswerRules, journal: Journal) {
    this.#options = options;
    this.#rules = rules;
    this.#journal = journal;
    const { clock, random } = options;
    const { requestsInFlightMax } = rules.limits;
    const shedder = new LoadShedder({ clock, random, requestsInFlightMax });
    this.#lag = new LoopLag(clock, (lagMs, now) => shedder.observeLag(lagMs, now));
    this.#admission = new Admission(shedder, requestsInFlightMax);
    this.#handshaker = new Handshaker(rules.limits.webSocketMessageBytesMax);
    const { verifyControlToken, guards } = options;
    this.#identifyRules = { verifyControlToken, guards };
  }

  get requests(): number {
    return this.#requests;
  }

  get inFlight(): number {
    return this.#admission.inFlight;
  }

  get webSockets(): number {
    return this.#webSockets.size;
  }

  /** The server is going away: open WebSockets are told. */
  shutDown(): void {
    this.#lag.stop();
    for (const webSocket of this.#webSockets) webSocket.shutDown();
  }

  /** Takes a request, and sees to it that it is answered once. */
  take(intake: Intake): void {
    this.#requests += 1;
    if (intake.connection.inFlight >= this.#rules.limits.pipelinedRequestsMax) {
      const options = { event: 'limit.exceeded', closes: true } as const;
      this.#refuse(intake, new Refusal('CORDON_OVERLOADED', 'requests on one connection', options), null);
      return;
    }
    const rules = this.#receiveRules();
    const read = readMessage(intake, rules);
    if (read instanceof Refusal) {
      this.#refuse(intake, read, null);
      return;
    }
    const login = judged(() => rules.guards.loginAt(read.target));
    if (login instanceof Refusal) this.#refuse(intake, login, null);
    else if (login === null) this.#judge(intake, read, rules);
    else void this.#logIn(intake, read, login);
  }

  #judge(intake: Intake, read: ReadMessage, rules: ReceiveRules): void {
    const body = this.#bodyOf(intake);
    const received = judged(() => receive(intake, read, body, rules));
    if (received instanceof Refusal) {
      this.#refuse(intake, received, null);
      return;
    }
    const refusal = received.webSocket ? checkHandshake(received) : null;
    if (refusal !== null) this.#refuse(intake, refusal, received);
    else if (received.preflight !== null) this.#answerPreflight(intake, received, received.preflight);
    else {
      const judging = new Judging(intake, body, this.#rules);
      const outcome = judged(() => this.#pass(received, judging));
      if (outcome instanceof Promise)
        judging.await(outcome, (settled) => this.#conclude(intake, received, settled, judging));
      else this.#conclude(intake, received, outcome, judging);
    }
  }

  /** The request path: each stage takes what the one before returned. */
  #pass(received: Received, judging: Judging): Outcome<Routed | Delivered> {
    const known = step(identify(received, this.#identifyRules), (identified) =>
      revocable(identified, judging),
    );
    return judging.step(known, (identified) =>
      step(this.#admission.admit(identified), (admitted) =>
        held(judging.hold(admitted.slot), () =>
          judging.step(judging.step(admitted, authorize), (authorized) =>
            judging.step(validate(authorized), (validated) => this.#last(validated)),
          ),
        ),
      ),
    );
  }

  #last(validated: Validated): Outcome<Routed | Delivered> {
    return validated.match.route.deliver === 'request'
      ? route(validated)
      : acceptEvents(validated, this.#options);
  }

  #conclude(
    intake: Intake,
    received: Received,
    outcome: Routed | Delivered | Refusal,
    judging: Judging,
  ): void {
    if (intake.connection.gone || outcome instanceof Refusal) judging.failed();
    if (intake.connection.gone) {
      received.body.release();
      if (outcome instanceof Refusal) this.#record(intake, outcome, received);
      else outcome.slot.release();
    } else if (outcome instanceof Refusal) this.#refuse(intake, outcome, received);
    else if ('receipt' in outcome) this.#acknowledge(intake, outcome);
    else if (intake.upgrade === null) this.#run(intake, outcome);
    else this.#runWebSocket(intake, outcome, intake.upgrade);
  }

  #acknowledge(intake: Intake, delivered: Delivered): void {
    const { receipt, slot, body, rateFields } = delivered;
    slot.release();
    body.release();
    const fields = ['content-type', 'application/json', ...ownFields(delivered), ...rateFields];
    this.#answer(intake, { status: 202, fields, body: JSON.stringify(receipt) });
    const detail = `${receipt.accepted} events, ${receipt.duplicates} duplicates`;
    this.#served(intake, delivered, { status: 202, failure: null, detail, instance: null });
  }

  #run(intake: Intake, routed: Routed): void {
    const { message, response, connection, awaitsContinue } = intake;
    const exchange = new HttpExchange(routed, message, response, connection, this.#rules, (outcome) => {
      routed.slot.release();
      routed.body.release();
      this.#served(intake, routed, outcome);
    });
    exchange.run(this.#options.dispatcher, response, awaitsContinue);
  }

  #runWebSocket(intake: Intake, routed: Routed, upgrade: Upgrade): void {
    const exchange = new WebSocketExchange(
      routed,
      { ...upgrade, connection: intake.connection },
      this.#rules,
      this.#handshaker,
      {
        accepted: () => {
          if (this.#webSockets.size >= this.#rules.limits.webSocketsMax || this.#rules.draining())
            return false;
          this.#webSockets.add(exchange);
          routed.slot.accepted();
          return true;
        },
        settled: (outcome) => {
          this.#webSockets.delete(exchange);
          routed.slot.release();
          routed.body.release();
          this.#served(intake, routed, outcome);
        },
      },
    );
    exchange.run(this.#options.dispatcher);
  }

  /** A path of a login, which the gateway serves itself. */
  async #logIn(intake: Intake, { target, head, address }: ReadMessage, login: OidcLogin): Promise<void> {
    const { connection } = intake;
    const who = { address: addressGroup(address), subject: null, key: null };
    const rated = await this.#options.guards.loginRate.take(who);
    if (!rated.allowed) {
      const options = { event: 'limit.exceeded', headers: rated.fields } as const;
      this.#refuse(intake, new Refusal(rated.code, `logins: ${rated.reason}`, options), null);
      return;
    }
    const asked = {
      method: target.method,
      path: target.path,
      query: target.query,
      cookie: head.cookie,
      origin: originOf(target),
      field: (name: string) => singleField(head.fields, name),
    };
    connection.identifying += 1;
    const answer = await login
      .handle(asked)
      .catch((thrown: unknown) => new Refusal('CORDON_INTERNAL', `a login failed: ${String(thrown)}`));
    connection.identifying -= 1;
    if (connection.gone) return;
    if (answer instanceof Refusal) {
      this.#refuse(intake, answer, null);
      return;
    }
    const fields = answer.fields.flat();
    if (answer.ok) this.#answer(intake, { status: answer.status, fields, body: '' });
    else {
      const options = { event: 'auth.failed', headers: fields } as const;
      this.#refuse(intake, new Refusal(answer.code, `login: ${answer.reason}`, options), null);
    }
  }

  #answerPreflight(intake: Intake, { guard, target, match }: Received, preflight: Preflight): void {
    const answer = guard.response.preflight(preflight, isStrict(target));
    const { id, connection } = intake;
    if (answer?.allowed === false) {
      const detail = `preflight: ${answer.reason}`;
      this.#journal.event('access.denied', 'cors', { id, address: connection.address, match, detail });
    }
    this.#answer(intake, { status: 204, fields: answer?.fields ?? [], body: '' });
  }

  /** Answers in the gateway's own name. */
  #answer(intake: Intake, answer: OwnAnswer): void {
    this.#ownExchange(intake).answer(answer, intake.id, intake.awaitsContinue);
  }

  #ownExchange({ message, response, connection, upgrade }: Intake): OwnExchange {
    return new OwnExchange(message, response, connection, this.#rules, () => {
      if (upgrade === null) return;
      if (upgrade.response.socket !== null) upgrade.response.detachSocket(upgrade.socket);
      upgrade.socket.destroySoon();
    });
  }

  #served(intake: Intake, { match, target }: Received, outcome: ExchangeOutcome): void {
    const { id, startedAt } = intake;
    const ms = this.#options.clock.monotonic() - startedAt;
    this.#journal.served({ id, match, method: target.method, path: target.path, ms, ...outcome });
  }

  /** `received`: null where the first stage refused. */
  #refuse(intake: Intake, refusal: Refusal, received: Received | null): void {
    if (refusal.closes) intake.connection.closing = true;
    received?.body.release();
    this.#record(intake, refusal, received);
    const shared = received === null ? UNROUTED : ownFields(received);
    const awaitsContinue = intake.awaitsContinue && received?.body.isAsked !== true;
    this.#ownExchange(intake).refuse(refusal, intake.id, awaitsContinue, shared);
  }

  #record(intake: Intake, refusal: Refusal, received: Received | null): void {
    const { id, message, connection } = intake;
    const match = received?.match ?? null;
    const what = `${message.method ?? ''} ${match?.pattern ?? ''}`;
    const address = received?.address ?? (sourceOf(intake).address || connection.address);
    this.#journal.refused(refusal, id, address, match, what);
  }

  #bodyOf({ message, response, connection, awaitsContinue }: Intake): MessageBody {
    return new MessageBody(message, response, connection, this.#rules, awaitsContinue);
  }

  #receiveRules(): ReceiveRules {
    const { limits } = this.#rules;
    const { routes, random, guards } = this.#options;
    const { headersBytesMax, headersCountMax, urlBytesMax } = limits;
    return { headersBytesMax, headersCountMax, urlBytesMax, routes: routes(), random, guards };
  }
}

/** A delivery that comes to nothing may be sent again, although its authenticator lets each in once. */
function revocable(identified: Identified, judging: Judging): Identified {
  const { caller, guard } = identified;
  if (caller.kind === 'webhook') judging.onFailure(() => guard.authenticator?.revoke?.(caller));
  return identified;
}
