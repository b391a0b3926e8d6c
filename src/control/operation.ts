import type { z } from 'zod';
import { CordonError, type Clock } from '../contract/index.ts';
import type { ControlServices } from './port.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A body that is not JSON: a tar archive, taken as bytes. */
export const ARCHIVE = 'application/x-tar';

/** What an operation takes as its body: nothing, JSON by a schema, or a tar archive. */
export type BodyKind = null | z.ZodType | typeof ARCHIVE;

type BodyIn<B extends BodyKind> = B extends z.ZodType
  ? z.input<B>
  : B extends typeof ARCHIVE
    ? Uint8Array
    : undefined;
type BodyOut<B extends BodyKind> = B extends z.ZodType
  ? z.output<B>
  : B extends typeof ARCHIVE
    ? Uint8Array
    : undefined;

/** What a handler gets besides its input. */
export interface OperationContext {
  readonly services: ControlServices;
  readonly clock: Clock;
  /** Fires when the client is gone. */
  readonly signal: AbortSignal;
  /** The OpenAPI document of this API. */
  document(): Record<string, unknown>;
}

/** An answer that is a message of its own and not JSON of this API. */
export interface MessageAnswer {
  /** Names and values in turn, Content-Type among them. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

/** A request, taken apart and not yet checked. */
export interface RawInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON, bytes of an archive, or undefined. */
  readonly body: unknown;
}

/** Where the events of a stream go. */
export interface EventSink<T> {
  /** Sends one event. False: enough waits for the reader; send the next after `ready`. */
  send(id: number, data: T): boolean;
  /** Resolves when the reader has taken what waits, or is gone. */
  ready(): Promise<void>;
  /** Ends the stream because of an error. */
  fail(error: unknown): void;
}

interface Row<
  Id extends string,
  M extends HttpMethod,
  Path extends string,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends BodyKind,
  R extends z.ZodType,
> {
  /** Stable name, such as `listApps`. */
  readonly id: Id;
  readonly method: M;
  /** Path with `{name}` for its parameters. */
  readonly path: Path;
  readonly summary: string;
  /** `public` needs no token. Default `token`. */
  readonly access?: 'token' | 'public';
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Of the JSON answer, or of each event where `subscribe` is given. */
  readonly response: R;
  readonly status?: number;
  /** In place of `handler`, for an answer in another format than JSON of this API; `mediaTypes` lists those that it has. */
  readonly write?: (
    context: OperationContext,
    input: { readonly params: z.output<P>; readonly query: z.output<Q> },
  ) => Promise<MessageAnswer>;
  readonly mediaTypes?: readonly string[];
  readonly handler?: (
    context: OperationContext,
    input: { readonly params: z.output<P>; readonly query: z.output<Q>; readonly body: BodyOut<B> },
  ) => Promise<z.input<R>>;
  /** For an event stream: starts it and returns what stops it. */
  readonly subscribe?: (
    context: OperationContext,
    input: { readonly query: z.output<Q> },
    sink: EventSink<z.input<R>>,
  ) => () => void;
}

/** The part of an operation that the listener and the OpenAPI document work with. */
export interface AnyOperation {
  readonly id: string;
  readonly method: HttpMethod;
  readonly path: string;
  readonly summary: string;
  readonly access: 'token' | 'public';
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: BodyKind;
  readonly response: z.ZodType;
  readonly status: number;
  readonly streams: boolean;
  /** What the answer is, where it is not JSON of this API; else empty. */
  readonly mediaTypes: readonly string[];
  /** Checks the input and gives the message that is the answer. */
  message(context: OperationContext, raw: RawInput): Promise<MessageAnswer>;
  /** Checks the input, runs the handler, checks the result. Errors: CORDON_INPUT_INVALID and the handler's. */
  execute(context: OperationContext, raw: RawInput): Promise<unknown>;
  /** Checks the input of a stream and returns what starts it, which returns what stops it. */
  prepare(context: OperationContext, raw: RawInput): (sink: EventSink<unknown>) => () => void;
}

/** An operation with the types that the client is made from. */
export interface Operation<M extends HttpMethod, Path extends string, P, Q, B, R> extends AnyOperation {
  readonly method: M;
  readonly path: Path;
  /** Never set: carries types only. */
  readonly types?: { readonly params: P; readonly query: Q; readonly body: B; readonly response: R };
}

/** Makes one row of the table of operations. */
export function operation<
  const Id extends string,
  const M extends HttpMethod,
  const Path extends string,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends BodyKind,
  R extends z.ZodType,
>(row: Row<Id, M, Path, P, Q, B, R>): Operation<M, Path, z.input<P>, z.input<Q>, BodyIn<B>, z.output<R>> {
  const { handler, subscribe, write } = row;
  return {
    id: row.id,
    method: row.method,
    path: row.path,
    summary: row.summary,
    params: row.params,
    query: row.query,
    body: row.body,
    response: row.response,
    access: row.access ?? 'token',
    status: row.status ?? 200,
    streams: subscribe !== undefined,
    mediaTypes: row.mediaTypes ?? [],
    async message(context, raw) {
      if (write === undefined) throw new CordonError('CORDON_INTERNAL', `The operation ${row.id} is JSON.`);
      return write(context, {
        params: check(row.params, raw.params, 'path'),
        query: check(row.query, raw.query, 'query'),
      });
    },
    async execute(context, raw) {
      if (handler === undefined)
        throw new CordonError('CORDON_INTERNAL', `The operation ${row.id} is a stream.`);
      const input = {
        params: check(row.params, raw.params, 'path'),
        query: check(row.query, raw.query, 'query'),
        body: checkBody(row.body, raw.body),
      };
      return row.response.parse(await handler(context, input));
    },
    prepare(context, raw) {
      if (subscribe === undefined)
        throw new CordonError('CORDON_INTERNAL', `The operation ${row.id} is no stream.`);
      const query = check(row.query, raw.query, 'query');
      return (sink) => subscribe(context, { query }, sink);
    },
  };
}

function check<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 20).map((issue) => ({
    field: [where, ...issue.path].join('.'),
    problem: issue.message,
  }));
  const first = issues[0];
  const text =
    first === undefined ? 'The input is not valid.' : `\`${first.field}\` is not valid: ${first.problem}.`;
  throw new CordonError('CORDON_INPUT_INVALID', text, { details: { issues } });
}

function checkBody<B extends BodyKind>(kind: B, value: unknown): BodyOut<B> {
  if (kind === null) return undefined as BodyOut<B>;
  if (kind === ARCHIVE) return value as BodyOut<B>;
  return check(kind, value, 'body') as BodyOut<B>;
}
