import { createHmac } from 'node:crypto';
import { canonicalUrl, sha256, signAws } from '../../aws/index.ts';
import type { AwsCredentials } from '../../aws/index.ts';
import { CordonError, LIMITS, Secret } from '../../contract/index.ts';
import type { FetchGrant } from '../../manifest/index.ts';
import { HANDLE_PREFIX, fillTemplate, missingSecret, referencesOf } from '../secret/index.ts';
import type { HandleOwner, SecretHandles, SecretSource } from '../secret/index.ts';
import type { Field } from './arguments.ts';
import { openPayload, withoutAwsSignature } from './aws-signature.ts';
import { fieldValue, withField } from './fields.ts';
import type { RequestBody } from './request-body.ts';

type AwsTemplates = Extract<NonNullable<FetchGrant['sign']>, { readonly aws: unknown }>['aws'];

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** One request as the guest made it, at one destination. */
export interface Draft {
  readonly url: URL;
  readonly method: string;
  readonly fields: readonly Field[];
  /** Null when it has none. */
  readonly body: RequestBody | null;
}

/** A request as it leaves. */
export interface Outgoing {
  readonly url: URL;
  readonly fields: readonly Field[];
  /** The whole body when it had to be read; null when it streams or there is none. */
  readonly bytes: Buffer | null;
  /** Values that may not come back. */
  readonly values: readonly string[];
  /** The guest sent a handle to where its secret may not go. */
  readonly strayHandle: boolean;
}

export interface CredentialSources {
  readonly secrets: SecretSource;
  readonly handles: SecretHandles;
  readonly now: () => number;
}

/** Names of the secrets that a grant lets out to its destination. */
export function secretsOf(grant: FetchGrant): ReadonlySet<string> {
  const templates = [
    ...Object.values(grant.header ?? {}),
    ...Object.values(grant.query ?? {}),
    ...(grant.basic === undefined ? [] : [grant.basic.user, grant.basic.password]),
  ];
  const { sign } = grant;
  if (sign !== undefined && 'aws' in sign) {
    const { accessKeyId, secretAccessKey, sessionToken = '' } = sign.aws;
    templates.push(accessKeyId, secretAccessKey, sessionToken);
  }
  const names = new Set(templates.flatMap(referencesOf));
  if (sign !== undefined && 'hmac' in sign) names.add(sign.hmac.secret);
  return names;
}

/** The draft without anything of the host, for a destination that a redirect from another origin leads to. */
export function leavePlain({ url, fields }: Draft): Outgoing {
  return { url, fields, bytes: null, values: [], strayHandle: carriesHandle(url, fields) };
}

/**
 * Puts in what the grant says: handles become values, then headers, query, basic authentication, and the
 * signature over all of it. Errors: CORDON_SECRET_MISSING, CORDON_EGRESS_TOO_LARGE, CORDON_CALL_INVALID.
 */
export async function addCredentials(
  draft: Draft,
  grant: FetchGrant,
  owner: HandleOwner,
  sources: CredentialSources,
): Promise<Outgoing> {
  const names = secretsOf(grant);
  const values = new Map<string, string>();
  for (const name of names) {
    const value = await sources.secrets.get(owner.project, name);
    if (value === null) throw missingSecret(name);
    values.set(name, value);
  }
  const fill = (template: string): string => fillTemplate(template, values);
  let fields = draft.fields.map(([name, value]): Field => [
    name,
    replaceHandles(value, (text) =>
      sources.handles.replace(text, owner, (secret) => values.get(secret) ?? null),
    ),
  ]);
  const strayHandle = carriesHandle(draft.url, fields);
  for (const [name, template] of Object.entries(grant.header ?? {}))
    fields = withField(fields, name, fill(template));
  if (grant.basic !== undefined) {
    const pair = `${fill(grant.basic.user)}:${fill(grant.basic.password)}`;
    fields = withField(fields, 'authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  }
  const filled = withQuery(draft.url, grant.query ?? {}, fill);
  const url = grant.sign !== undefined && 'aws' in grant.sign ? canonicalUrl(filled) : filled;
  const signed = await sign({ ...draft, url, fields }, grant, values, sources.now());
  return { url, ...signed, values: [...values.values()], strayHandle };
}

/** In a value, or inside basic authentication, where clients put their key as user or password. */
function replaceHandles(value: string, replace: (text: string) => string): string {
  const [, encoded] = BASIC.exec(value) ?? [];
  if (encoded === undefined) return replace(value);
  const pair = Buffer.from(encoded, 'base64').toString();
  const replaced = replace(pair);
  return replaced === pair ? value : `Basic ${Buffer.from(replaced).toString('base64')}`;
}

function carriesHandle(url: URL, fields: readonly Field[]): boolean {
  return (
    url.href.replaceAll(/%3a/gi, ':').includes(HANDLE_PREFIX) ||
    fields.some(([, value]) => value.includes(HANDLE_PREFIX))
  );
}

/** The rest of the query keeps its spelling: some services sign it. */
function withQuery(
  url: URL,
  query: Readonly<Record<string, string>>,
  fill: (template: string) => string,
): URL {
  const entries = Object.entries(query);
  if (entries.length === 0) return url;
  const kept = url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !entries.some(([name]) => nameOf(pair) === name));
  const added = entries.map(
    ([name, template]) => `${encodeURIComponent(name)}=${encodeURIComponent(fill(template))}`,
  );
  const changed = new URL(url);
  changed.search = [...kept, ...added].join('&');
  return changed;
}

function nameOf(pair: string): string {
  return [...new URLSearchParams(pair).keys()][0] ?? '';
}

async function sign(
  draft: Draft,
  { sign: how }: FetchGrant,
  values: ReadonlyMap<string, string>,
  now: number,
): Promise<Pick<Outgoing, 'fields' | 'bytes'>> {
  if (how === undefined) return { fields: draft.fields, bytes: null };
  const { url, method, body } = draft;
  const read = async (): Promise<Buffer> =>
    (await body?.collect(LIMITS.egressSignedBodyBytesMax.value)) ?? Buffer.alloc(0);
  if ('hmac' in how) {
    const { header, secret, algorithm, encoding, prefix = '' } = how.hmac;
    const bytes = await read();
    const digest = createHmac(algorithm, values.get(secret) ?? '')
      .update(bytes)
      .digest(encoding);
    return { fields: withField(draft.fields, header.toLowerCase(), `${prefix}${digest}`), bytes };
  }
  const { region, service } = how.aws;
  const fields = withoutAwsSignature(draft.fields);
  refuseSignedChunks(fields);
  const mark = openPayload(fields, service, url);
  const bytes = mark === null ? await read() : null;
  const signed = signAws({
    method,
    url,
    fields,
    payload: mark ?? sha256(bytes ?? Buffer.alloc(0)),
    region,
    service,
    credentials: awsCredentials(how.aws, values),
    now,
  });
  return { fields: signed, bytes };
}

function awsCredentials(
  { accessKeyId, secretAccessKey, sessionToken }: AwsTemplates,
  values: ReadonlyMap<string, string>,
): AwsCredentials {
  const fill = (template: string): Secret => new Secret(fillTemplate(template, values));
  return {
    accessKeyId: fillTemplate(accessKeyId, values),
    secretAccessKey: fill(secretAccessKey),
    ...(sessionToken !== undefined && { sessionToken: fill(sessionToken) }),
  };
}

/** Chunks that a client signed one by one with the key it believes in cannot be signed again. */
function refuseSignedChunks(fields: readonly Field[]): void {
  if (fieldValue(fields, 'x-amz-content-sha256')?.startsWith('STREAMING-AWS4') !== true) return;
  throw new CordonError(
    'CORDON_CALL_INVALID',
    'Cordon signs this request itself and cannot sign its chunks. Send the payload unsigned or whole.',
  );
}
