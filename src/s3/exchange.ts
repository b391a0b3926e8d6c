import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../contract/index.ts';
import { verifyPostForm, verifyRequest } from './auth/index.ts';
import type { VerifiedRequest } from './auth/index.ts';
import { S3Error } from './errors.ts';
import { isForm, readForm } from './form/form-reader.ts';
import { postObject } from './form/post-object.ts';
import { checkBucket, checkKey } from './object-key.ts';
import { operationOf } from './operations/table.ts';
import type { S3Operation } from './operations/table.ts';
import type { S3AccessKeys, S3Answer, S3Call, S3Caller, S3Services, S3Use } from './port.ts';
import { requestBytes } from './request-body.ts';

/** What requests are answered with. */
export interface ExchangeParts {
  readonly services: S3Services;
  readonly accessKeys: S3AccessKeys;
  /** Tells of a use that the key of the caller does not allow; before it is refused. */
  readonly denied: (caller: S3Caller, use: S3Use) => void;
  /** Runs what finds out who asks, and counts it where that fails. */
  authenticating<T>(work: () => Promise<T>): Promise<T>;
}

/** A request as node has it. */
export interface Received {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly awaitsContinue: boolean;
}

interface Place {
  readonly level: S3Operation['level'];
  readonly bucket: string;
  readonly key: string;
}

/** Answers a request: who asks, what for, whether it may, then does it. Errors: an `S3Error`, and those of the stores. */
export async function answerRequest(parts: ExchangeParts, received: Received): Promise<S3Answer> {
  const { request } = received;
  const [path, query] = splitOnce(request.url ?? '', '?');
  checkHead(request);
  if (request.method === 'POST' && query === undefined && isForm(request.headers['content-type']))
    return answerForm(parts, received, path);
  const verified = await parts.authenticating(() =>
    verifyRequest(
      { method: request.method ?? '', path, query: query ?? '', fields: request.rawHeaders },
      { lookup: (id) => parts.accessKeys.find(id), now: parts.services.clock.now() },
    ),
  );
  const { level, bucket, key } = placeIn(verified.path);
  const { parameters, fields } = verified;
  const operation = operationOf({ method: request.method ?? '', level, parameters, fields });
  const call = callOf(parts, received, verified, { level, bucket, key });
  if (level !== 'service') demandVisible(parts, call);
  if (operation.use !== null) call.demand(useOf(operation.use, call, level));
  return operation.run(call);
}

async function answerForm(
  parts: ExchangeParts,
  { request, response, awaitsContinue }: Received,
  path: string,
): Promise<S3Answer> {
  const [, bucket] = /^\/([^/]+)\/?$/.exec(path) ?? [];
  if (bucket === undefined) throw new S3Error('InvalidRequest', { reason: 'a form is sent to a bucket' });
  checkBucket(bucket);
  if (request.headers['content-length'] === undefined) throw new S3Error('MissingContentLength');
  const { services, accessKeys } = parts;
  const idleMs = services.limits.bodyIdleTimeoutMs;
  const body = requestBytes(request, response, { awaitsContinue, idleMs });
  const { fields, filename, file } = await readForm(request.headers['content-type'], body);
  const form = await parts.authenticating(() =>
    verifyPostForm(
      { bucket, fields, filename },
      { lookup: (id) => accessKeys.find(id), now: services.clock.now() },
    ),
  );
  const use = { operation: 'put', bucket, key: checkKey(form.key) } as const;
  const caller = form.accessKey;
  if (!accessKeys.allows(caller, use)) {
    parts.denied(caller, use);
    throw new S3Error('AccessDenied');
  }
  return postObject(services, bucket, form, file);
}

/** Refuses what two servers could read in two ways (RFC 9112 sections 3.2 and 6.3). */
function checkHead({ rawHeaders, url = '', httpVersion }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    throw new S3Error('InvalidRequest', { reason: 'HTTP version' });
  if (rawHeaders.length > LIMITS.headersCountMax.value * 2)
    throw new S3Error('InvalidRequest', { reason: 'too many fields' });
  if (!url.startsWith('/') || url.length > LIMITS.urlBytesMax.value) throw new S3Error('InvalidURI');
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    if (name === 'host') hosts += 1;
    if (name === 'transfer-encoding' && value !== 'chunked')
      throw new S3Error('NotImplemented', { reason: 'a transfer coding other than chunked' });
  }
  if (hosts !== 1) throw new S3Error('InvalidRequest', { reason: 'not exactly one Host' });
}

/** Path-style addressing: `/`, `/bucket` or `/bucket/key`. */
function placeIn(path: string): Place {
  const [bucket, key] = splitOnce(path.slice(1), '/');
  if (bucket === '') {
    if (key !== undefined) throw new S3Error('InvalidURI');
    return { level: 'service', bucket: '', key: '' };
  }
  checkBucket(bucket);
  if (key === undefined || key === '') return { level: 'bucket', bucket, key: '' };
  return { level: 'object', bucket, key: checkKey(key) };
}

function callOf(
  parts: ExchangeParts,
  { request, response, awaitsContinue }: Received,
  verified: VerifiedRequest<S3Caller>,
  { bucket, key }: Place,
): S3Call {
  const { services, accessKeys } = parts;
  const { accessKey: caller, parameters, fields, bodyBytes } = verified;
  const idleMs = services.limits.bodyIdleTimeoutMs;
  return {
    services,
    caller,
    bucket,
    key,
    parameters,
    fields,
    bodyBytes,
    body: () => verified.body(requestBytes(request, response, { awaitsContinue, idleMs })),
    allows: (use) => accessKeys.allows(caller, use),
    demand(use) {
      if (accessKeys.allows(caller, use)) return;
      parts.denied(caller, use);
      throw new S3Error('AccessDenied');
    },
  };
}

/** A bucket that the key does not name looks like one that is not there. */
function demandVisible({ denied }: ExchangeParts, { caller, bucket }: S3Call): void {
  if (caller.buckets.includes(bucket)) return;
  denied(caller, { operation: 'list', bucket });
  throw new S3Error('AccessDenied');
}

function useOf(operation: S3Use['operation'], call: S3Call, level: S3Operation['level']): S3Use {
  const { bucket, key, parameters } = call;
  return level === 'bucket'
    ? { operation, bucket, prefix: parameters.get('prefix') ?? '' }
    : { operation, bucket, key };
}

function splitOnce(text: string, mark: string): readonly [string, string?] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}
