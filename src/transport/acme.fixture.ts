// oxlint-disable-next-line import/no-unassigned-import -- a polyfill is its effect
import 'reflect-metadata';
import { randomBytes, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { crypto } from 'acme-client';
import * as x509 from '@peculiar/x509';
import { calculateJwkThumbprint, decodeProtectedHeader, flattenedVerify, importJWK } from 'jose';
import type { FlattenedJWS, JWK } from 'jose';
import { issueFor, makePair } from './transport.fixture.ts';

/** A double of an ACME server (RFC 8555) on loopback: it checks signatures, nonces and HTTP-01 challenges. */
export interface AcmeDouble {
  readonly directoryUrl: string;
  /** Certificates that were issued. */
  issued: number;
  accounts: number;
  /** Refuses all orders while true. */
  refuses: boolean;
  /** How long certificates are valid, in ms. */
  lifeMs: number;
  close(): Promise<void>;
}

interface Posted {
  readonly payload: Record<string, unknown>;
  readonly jwk: JWK;
  readonly thumbprint: string;
}

/** `challengePort`: where the double looks for answers, in the place of port 80, or of 443. */
export async function startAcme(challengePort: () => number): Promise<AcmeDouble> {
  const root = await makePair(['acme.example']);
  const keys = new Map<string, JWK>();
  const nonces = new Set<string>();
  const order = { status: 'pending', names: [] as string[], token: '', certificate: '' };
  const double = { issued: 0, accounts: 0, refuses: false, lifeMs: 90 * 24 * 3600 * 1000, directoryUrl: '' };
  const at = (path: string): string => `${double.directoryUrl.replace('/directory', '')}${path}`;
  const orderView = (): object => ({
    status: order.status,
    identifiers: order.names.map((value) => ({ type: 'dns', value })),
    authorizations: [at('/authz')],
    finalize: at('/finalize'),
    ...(order.certificate === '' ? {} : { certificate: at('/cert') }),
  });
  const challengeView = (type: string, path: string): object => ({
    type,
    url: at(path),
    token: order.token,
    status: order.status === 'pending' ? 'pending' : 'valid',
  });

  async function open(body: string, path: string): Promise<Posted> {
    const jws = JSON.parse(body) as FlattenedJWS;
    const header = decodeProtectedHeader(jws) as { nonce?: string; url?: string; kid?: string; jwk?: JWK };
    if (!nonces.delete(header.nonce ?? '') || header.url !== at(path)) throw new Error('badNonce or url');
    const jwk = header.jwk ?? keys.get(header.kid ?? '');
    if (jwk === undefined) throw new Error('accountDoesNotExist');
    const { payload } = await flattenedVerify(jws, await importJWK(jwk, 'ES256'));
    const text = Buffer.from(payload).toString();
    return {
      payload: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      jwk,
      thumbprint: await calculateJwkThumbprint(jwk),
    };
  }

  async function handle(
    path: string,
    posted: Posted,
  ): Promise<{ status: number; location?: string; body: unknown }> {
    switch (path) {
      case '/account': {
        if (posted.payload['termsOfServiceAgreed'] !== true) throw new Error('userActionRequired');
        const kid = at(
          `/account/${createHash('sha256').update(posted.thumbprint).digest('hex').slice(0, 8)}`,
        );
        const known = keys.has(kid);
        keys.set(kid, posted.jwk);
        if (!known) double.accounts += 1;
        return { status: known ? 200 : 201, location: kid, body: { status: 'valid' } };
      }
      case '/order':
        if (double.refuses) throw new Error('rejectedIdentifier');
        order.status = 'pending';
        order.certificate = '';
        order.names = (posted.payload['identifiers'] as { value: string }[]).map(({ value }) => value);
        order.token = randomBytes(16).toString('base64url');
        return { status: 201, location: at('/orders/1'), body: orderView() };
      case '/authz':
        return {
          status: 200,
          body: {
            status: order.status === 'pending' ? 'pending' : 'valid',
            identifier: { type: 'dns', value: order.names[0] },
            challenges: [challengeView('http-01', '/chall'), challengeView('tls-alpn-01', '/chall-alpn')],
          },
        };
      case '/chall': {
        const answer = await fetchAnswer(challengePort(), order.names[0] ?? '', order.token);
        order.status = answer === `${order.token}.${posted.thumbprint}` ? 'ready' : 'invalid';
        return { status: 200, body: challengeView('http-01', path) };
      }
      case '/chall-alpn': {
        const isProved = await looksProved(
          challengePort(),
          order.names[0] ?? '',
          `${order.token}.${posted.thumbprint}`,
        );
        order.status = isProved ? 'ready' : 'invalid';
        return { status: 200, body: challengeView('tls-alpn-01', path) };
      }
      case '/finalize': {
        if (order.status !== 'ready') throw new Error('orderNotReady');
        const csr = new x509.Pkcs10CertificateRequest(
          Buffer.from(String(posted.payload['csr']), 'base64url'),
        );
        order.certificate = await issueFor(csr, order.names, root, double.lifeMs);
        order.status = 'valid';
        double.issued += 1;
        return { status: 200, body: orderView() };
      }
      case '/cert':
        return { status: 200, body: order.certificate };
      default:
        return { status: 200, body: orderView() };
    }
  }

  const server = createServer((message, response) => {
    const nonce = randomBytes(8).toString('hex');
    nonces.add(nonce);
    response.setHeader('replay-nonce', nonce);
    const path = message.url ?? '';
    void (async () => {
      if (path === '/directory') {
        const meta = { termsOfService: at('/terms') };
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            newNonce: at('/nonce'),
            newAccount: at('/account'),
            newOrder: at('/order'),
            meta,
          }),
        );
        return;
      }
      if (path === '/nonce') return void response.end();
      let body = '';
      for await (const chunk of message) body += String(chunk);
      const answer = await handle(path, await open(body, path));
      const headers = {
        'content-type':
          typeof answer.body === 'string' ? 'application/pem-certificate-chain' : 'application/json',
        ...(answer.location === undefined ? {} : { location: answer.location }),
      };
      response
        .writeHead(answer.status, headers)
        .end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    })().catch((error: unknown) => {
      response
        .writeHead(400, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ detail: String(error) }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  double.directoryUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/directory`;
  return Object.assign(double, {
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

function fetchAnswer(port: number, host: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(
      { port, host: '127.0.0.1', path: `/.well-known/acme-challenge/${token}`, headers: { host } },
      (response) => {
        let text = '';
        response.on('data', (bytes: Buffer) => (text += bytes.toString()));
        response.on('end', () => resolve(text));
      },
    )
      .on('error', reject)
      .end();
  });
}

/** RFC 8737 section 3: the certificate of a handshake for `acme-tls/1` holds the answer. */
async function looksProved(port: number, servername: string, answer: string): Promise<boolean> {
  const ALPNProtocols = ['acme-tls/1'];
  const socket = connect({ port, host: '127.0.0.1', servername, ALPNProtocols, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  try {
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate()?.toString() ?? '';
    return (
      socket.alpnProtocol === 'acme-tls/1' && crypto.isAlpnCertificateAuthorizationValid(certificate, answer)
    );
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
