import { join } from 'node:path';
import { CordonError, systemClock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { AppRoutes, RouteTable } from '../gateway/index.ts';
import { isLoopback, openCertificates } from '../transport/index.ts';
import type { CertificateChoice, Finding, TransportOptions } from '../transport/index.ts';
import type { TextSealer } from '../vault/index.ts';
import { sealedKeeper } from './acme-keeper.ts';
import type { Closers } from './closers.ts';

/** How the gateway is reached. */
export interface ServerTransport {
  /** Null: plain HTTP, on loopback alone. */
  readonly tls: CertificateChoice | null;
  /** Plain HTTP on an address that others can reach; recorded as a security event. */
  readonly unsafePlaintext: boolean;
  /** Address ranges of proxies whose word on their callers is taken. */
  readonly trustedProxies: readonly string[];
  /** Trusted proxies begin with a header of the PROXY protocol, version 2; else X-Forwarded-For is read. */
  readonly proxyProtocol: boolean;
}

export const PLAIN_TRANSPORT: ServerTransport = {
  tls: null,
  unsafePlaintext: false,
  trustedProxies: [],
  proxyProtocol: false,
};

export interface TransportSurroundings {
  readonly host: string;
  /** The data folder. */
  readonly folder: string;
  readonly evidence: Evidence;
  readonly sealer: TextSealer;
  readonly closers: Closers;
  readonly routes: () => RouteTable;
  readonly apps: () => readonly AppRoutes[];
}

export interface OpenTransport {
  readonly options: TransportOptions;
  readonly scheme: 'http' | 'https';
  /** True where callers reach it over a network without TLS. */
  readonly isExposed: boolean;
  readonly authorityFile: string | null;
  refresh(): Promise<void>;
}

const FOLDER = 'tls';
const NOBODY = { app: null, function: null, instance: null, request: null } as const;

/** Errors: CORDON_PLAINTEXT_REFUSED, CORDON_USAGE, CORDON_TLS_…, CORDON_ACME_FAILED. */
export async function openTransport(
  { tls, unsafePlaintext, trustedProxies, proxyProtocol }: ServerTransport,
  { host, folder, evidence, sealer, closers, routes, apps }: TransportSurroundings,
): Promise<OpenTransport> {
  if (proxyProtocol && trustedProxies.length === 0) {
    throw new CordonError('CORDON_USAGE', '--proxy-protocol needs at least one --trusted-proxy.');
  }
  const proxy = trustedProxies.length === 0 ? null : { trusted: trustedProxies, header: proxyProtocol };
  if (tls === null) {
    const isExposed = !isLoopback(host);
    if (isExposed && !unsafePlaintext) {
      throw new CordonError('CORDON_PLAINTEXT_REFUSED', `The gateway would speak plain HTTP on ${host}.`);
    }
    if (isExposed) recordPlaintext(evidence, host);
    const refresh = (): Promise<void> => Promise.resolve();
    return { options: { tls: null, proxy }, scheme: 'http', isExposed, authorityFile: null, refresh };
  }
  const opened = await openCertificates(tls, {
    folder: join(folder, FOLDER),
    keeper: sealedKeeper(join(folder, FOLDER), sealer),
    clock: systemClock,
    onFinding: (finding) => recordFinding(evidence, finding),
  });
  closers.add(() => opened.close());
  const { certificates, authorityFile } = opened;
  const wantsClientCertificates = rememberedFor(routes, () => apps().some(asksForCertificates));
  return {
    options: { tls: { certificates, wantsClientCertificates }, proxy },
    scheme: 'https',
    isExposed: false,
    authorityFile,
    refresh: () => opened.refresh(),
  };
}

function asksForCertificates({ live, canary }: AppRoutes): boolean {
  return [live, canary].some((one) => one !== null && Object.keys(one.manifest.auth.mtls).length > 0);
}

/** The same answer for as long as the routes are the same. */
function rememberedFor(routes: () => RouteTable, ask: () => boolean): () => boolean {
  let known: RouteTable | null = null;
  let answer = false;
  return () => {
    const now = routes();
    if (now !== known) {
      known = now;
      answer = ask();
    }
    return answer;
  };
}

function recordPlaintext(evidence: Evidence, host: string): void {
  const about = { ...NOBODY, reason: 'unsafe-plaintext', detail: { host } };
  evidence.record({ ...about, kind: 'platform.unsafe', severity: 'high' });
}

function recordFinding(evidence: Evidence, { code, reason }: Finding): void {
  evidence.record({
    ...NOBODY,
    kind: 'platform.unsafe',
    severity: 'medium',
    reason: code,
    detail: { rule: reason },
  });
}
