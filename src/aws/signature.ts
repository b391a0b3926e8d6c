import type { Secret } from '../contract/index.ts';
import {
  AWS_ALGORITHM,
  awsTime,
  canonicalPathOf,
  canonicalQuery,
  canonicalRequest,
  hmac,
  scopeText,
  sha256,
  signingKey,
  textToSign,
} from './canonical.ts';
import type { SignedField } from './canonical.ts';

/** Fields that proxies and clients change on the way, which no signature may cover. */
const UNSIGNED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'content-length',
  'expect',
  'user-agent',
  'x-amzn-trace-id',
]);

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken?: Secret;
}

export interface AwsSigning {
  readonly method: string;
  /** As `canonicalUrl` spells it where the service signs what it gets. */
  readonly url: URL;
  /** Without `host`, and without an earlier signature. */
  readonly fields: readonly SignedField[];
  /** The payload's SHA-256 in hexadecimal, or a mark of S3. */
  readonly payload: string;
  readonly region: string;
  readonly service: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The URL with its path spelled as it is signed, so that a service which signs what it gets agrees as well. */
export function canonicalUrl(url: URL): URL {
  const canonical = new URL(url);
  canonical.pathname = encodedPath(url.pathname);
  return canonical;
}

/**
 * The fields with a Signature Version 4 over the method, path, query, fields, host and payload.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signAws(signing: AwsSigning): SignedField[] {
  const { method, url, region, service, payload, credentials } = signing;
  const time = awsTime(signing.now);
  let fields = withField(signing.fields, 'x-amz-date', time);
  if (credentials.sessionToken !== undefined)
    fields = withField(fields, 'x-amz-security-token', credentials.sessionToken.reveal());
  if (service === 's3') fields = withField(fields, 'x-amz-content-sha256', payload);
  const { text, names } = canonicalRequest({
    method,
    path: canonicalPath(url.pathname, service),
    query: canonicalQuery(pairsOf(url.search)),
    fields: [...fields.filter(([name]) => !UNSIGNED.has(name)), ['host', url.host]],
    payload,
  });
  const scope = { date: time.slice(0, 8), region, service };
  const key = signingKey(credentials.secretAccessKey, scope);
  const signature = hmac(key, textToSign(time, scope, sha256(text))).toString('hex');
  const credential = `Credential=${credentials.accessKeyId}/${scopeText(scope)}`;
  const authorization = `${AWS_ALGORITHM} ${credential}, SignedHeaders=${names}, Signature=${signature}`;
  return withField(fields, 'authorization', authorization);
}

function withField(fields: readonly SignedField[], name: string, value: string): SignedField[] {
  return [...fields.filter(([other]) => other !== name), [name, value]];
}

/** Every service but S3 encodes the path a second time. */
function canonicalPath(pathname: string, service: string): string {
  const path = encodedPath(pathname);
  return service === 's3' ? path : canonicalPathOf(path.split('/'));
}

function encodedPath(pathname: string): string {
  return canonicalPathOf(pathname.split('/').map(decode));
}

function pairsOf(search: string): [string, string][] {
  if (search.length <= 1) return [];
  return search
    .slice(1)
    .split('&')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [decode(name), decode(value.join('='))];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
