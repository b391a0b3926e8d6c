import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

/** A key service on loopback. */
export interface KeyServiceDouble {
  readonly address: string;
  readonly received: Received[];
  /** Answers that are given before the service works; `null` hangs, `cut` ends the connection. */
  readonly failures: (Answer | null | 'cut')[];
  close(): Promise<void>;
}

export async function serve(answer: (request: Received) => Answer): Promise<KeyServiceDouble> {
  const received: Received[] = [];
  const failures: (Answer | null | 'cut')[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const one = {
      path: `${request.method} ${request.url}`,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
    };
    received.push(one);
    const failure = failures.shift();
    if (failure === null) return;
    if (failure === 'cut') {
      request.socket.destroy();
      return;
    }
    const { status, body, headers } = failure ?? answer(one);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
  const server: Server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    failures,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const MASTER = randomBytes(32);

/** What the service does with its own master key. */
function encrypt(plaintext: Buffer, associated: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', MASTER, nonce).setAAD(Buffer.from(associated));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(sealed: Buffer, associated: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', MASTER, sealed.subarray(0, 12));
  decipher.setAAD(Buffer.from(associated)).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

/** Transit of HashiCorp Vault: the token is `t0ken`, the key `cordon`. */
export function transit({ path, headers, body }: Received): Answer {
  const fail = (status: number, error: string): Answer => ({
    status,
    body: JSON.stringify({ errors: [error] }),
  });
  if (headers['x-vault-token'] !== 't0ken') return fail(403, 'permission denied');
  const input = JSON.parse(body) as Record<string, string>;
  const associated = input['associated_data'] ?? '';
  const answer = (data: Record<string, unknown>): Answer => ({ status: 200, body: JSON.stringify({ data }) });
  if (path === 'POST /v1/transit/encrypt/cordon') {
    const sealed = encrypt(Buffer.from(input['plaintext'] ?? '', 'base64'), associated);
    return answer({ ciphertext: `vault:v1:${sealed.toString('base64')}`, key_version: 1 });
  }
  if (path === 'POST /v1/transit/decrypt/cordon') {
    try {
      const [, , sealed = ''] = (input['ciphertext'] ?? '').split(':');
      return answer({ plaintext: decrypt(Buffer.from(sealed, 'base64'), associated).toString('base64') });
    } catch {
      return fail(400, 'cipher: message authentication failed');
    }
  }
  return fail(404, 'no handler for route');
}

export const AWS = {
  id: 'AKIDEXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  session: 'a-session',
};

/** AWS KMS with the key `alias/cordon`; `now` is the time of the service. */
export function kms(now: () => number): (request: Received) => Answer {
  return ({ path, headers, body }) => {
    const fail = (type: string): Answer => ({ status: 400, body: JSON.stringify({ __type: type }) });
    const problem = checkSignature(path, headers, body, now());
    if (problem !== null) return fail(problem);
    const input = JSON.parse(body) as Record<string, string>;
    if (input['KeyId'] !== 'alias/cordon') return fail('NotFoundException');
    const associated = JSON.stringify(input['EncryptionContext']);
    const answer = (data: Record<string, unknown>): Answer => ({ status: 200, body: JSON.stringify(data) });
    switch (headers['x-amz-target']) {
      case 'TrentService.Encrypt': {
        const sealed = encrypt(Buffer.from(input['Plaintext'] ?? '', 'base64'), associated);
        return answer({
          CiphertextBlob: sealed.toString('base64'),
          KeyId: 'arn:aws:kms:eu-central-1:1:key/1',
        });
      }
      case 'TrentService.Decrypt':
        try {
          const plaintext = decrypt(Buffer.from(input['CiphertextBlob'] ?? '', 'base64'), associated);
          return answer({ Plaintext: plaintext.toString('base64') });
        } catch {
          return fail('InvalidCiphertextException');
        }
      default:
        return fail('UnknownOperationException');
    }
  };
}

/** The type of the refusal, or null: from what arrived on the wire alone. */
function checkSignature(
  path: string,
  headers: Received['headers'],
  body: string,
  now: number,
): string | null {
  const authorization =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  if (authorization === null) return 'IncompleteSignatureException';
  const [, id, date = '', region = '', service = '', signed = '', signature] = authorization;
  const time = String(headers['x-amz-date']);
  const at = Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(at - now) <= 300_000) || !time.startsWith(date)) return 'SignatureDoesNotMatch: expired';
  if (id !== AWS.id || headers['x-amz-security-token'] !== AWS.session) return 'UnrecognizedClientException';
  if (region !== 'eu-central-1' || service !== 'kms') return 'SignatureDoesNotMatch: scope';
  const names = signed.split(';');
  for (const name of ['host', 'x-amz-date', 'x-amz-target', 'x-amz-security-token', 'content-type']) {
    if (!names.includes(name)) return 'SignatureDoesNotMatch: unsigned';
  }
  const [method = '', uri = ''] = path.split(' ');
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const lines = names.map((name) => `${name}:${String(headers[name])}`);
  const canonical = [method, uri, '', ...lines, '', signed, hash(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, `${date}/${region}/${service}/aws4_request`, hash(canonical)].join(
    '\n',
  );
  let key = Buffer.from(`AWS4${AWS.secret}`);
  for (const part of [date, region, service, 'aws4_request', text]) {
    key = createHmac('sha256', key).update(part).digest();
  }
  return key.toString('hex') === signature ? null : 'SignatureDoesNotMatch';
}
