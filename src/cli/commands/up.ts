import { resolve } from 'node:path';
import { CordonError, Secret } from '../../contract/index.ts';
import { ControlClient } from '../../client/index.ts';
import type { CommandContext } from '../context.ts';
import { readCredentials, saveCredentials } from '../credentials.ts';
import { credentialsFile, dataDirectory } from '../places.ts';
import { EXIT } from '../report.ts';
import type { RunningServer, ServerOptions } from '../server-port.ts';
import type { Terminal } from '../terminal.ts';

type Transport = NonNullable<ServerOptions['transport']>;

interface UpOptions {
  readonly data?: string;
  readonly host: string;
  readonly port: number;
  readonly controlPort: number;
  readonly s3Port: number;
  readonly s3Origin?: readonly string[];
  readonly pool?: number;
  readonly unsafeNoSandbox?: true;
  readonly tls?: true;
  readonly tlsCert?: readonly string[];
  readonly tlsKey?: readonly string[];
  readonly acme?: readonly string[];
  readonly acmeDirectory?: string;
  readonly acmeAgreeTerms?: true;
  readonly acmeEmail?: string;
  readonly acmePort: number;
  readonly acmeTlsAlpn?: true;
  readonly trustedProxy?: readonly string[];
  readonly proxyProtocol?: true;
  readonly unsafePlaintext?: true;
}

/** Starts the server and keeps it until SIGINT or SIGTERM. */
export async function up(context: CommandContext, _args: readonly string[], given: object): Promise<number> {
  const options = given as UpOptions;
  const { terminal, surroundings } = context;
  const folder = dataDirectory(options.data, surroundings);
  const transport = transportOf(options);
  const stop = context.untilStopped();
  if (options.unsafeNoSandbox === true) warnUnsafe(terminal, NO_SANDBOX);
  const done = terminal.progress('starting');
  const server = await context
    .startServer({
      dataDirectory: folder,
      gateway: { host: options.host, port: options.port },
      control: { host: '127.0.0.1', port: options.controlPort },
      s3: { port: options.s3Port, origins: options.s3Origin ?? [] },
      unsafeNoSandbox: options.unsafeNoSandbox === true,
      transport,
      ...(options.pool === undefined ? {} : { poolSize: options.pool }),
    })
    .finally(done);
  if (server.isPlaintextExposed) warnUnsafe(terminal, PLAINTEXT);
  // A renewal that knows this convention need not wait until the files are looked at.
  const refresh = (): void => void server.refreshCertificates();
  process.on('SIGHUP', refresh);
  try {
    const saved = await keepToken(context, server);
    // Counted from the start of the process, so that it is what a person waits.
    banner(terminal, server, { folder, saved, readyMs: Math.round(performance.now()) });
    if (server.firstToken !== null) server.firstTokenKept();
    await stopped(stop);
    terminal.result({ event: 'stopping', signal: String(stop.reason) });
    terminal.line(terminal.style('dim', 'stopping'));
  } finally {
    process.off('SIGHUP', refresh);
    await server.close();
  }
  terminal.result({ event: 'stopped' });
  return EXIT.ok;
}

/** Where the token for this server is saved; null when this user has none for it. */
async function keepToken(context: CommandContext, server: RunningServer): Promise<string | null> {
  const file = credentialsFile(context.surroundings);
  if (server.firstToken !== null) {
    try {
      await saveCredentials(file, { url: server.controlUrl, token: new Secret(server.firstToken) });
      return file;
    } catch (error) {
      // The token is shown below, so the server is of use without the file.
      context.terminal.note(`warning: the token could not be saved: ${(error as Error).message}`);
      return null;
    }
  }
  const saved = await readCredentials(file).catch(() => null);
  if (saved === null) return null;
  try {
    const client = new ControlClient({ url: server.controlUrl, token: saved.token });
    await client.call('GET /v1/status', {});
    if (saved.url !== server.controlUrl)
      await saveCredentials(file, { url: server.controlUrl, token: saved.token });
    return file;
  } catch {
    return null;
  }
}

/** Errors: CORDON_USAGE. */
function transportOf(options: UpOptions): Transport {
  return {
    tls: certificatesOf(options) ?? acmeOf(options),
    unsafePlaintext: options.unsafePlaintext === true,
    trustedProxies: options.trustedProxy ?? [],
    proxyProtocol: options.proxyProtocol === true,
  };
}

/** Certificates that are there, or are made here; null for none. */
function certificatesOf({ tls, tlsCert = [], tlsKey = [], acme }: UpOptions): Transport['tls'] {
  if (tlsCert.length !== tlsKey.length) {
    throw new CordonError('CORDON_USAGE', 'Each --tls-cert needs its --tls-key, in the same order.');
  }
  const files = tlsCert.map((certificate, i) => ({
    certificate: resolve(certificate),
    key: resolve(tlsKey[i] ?? ''),
  }));
  if (files.length > 0 && acme !== undefined) {
    throw new CordonError('CORDON_USAGE', 'Give either --tls-cert or --acme.');
  }
  if (files.length > 0) return { kind: 'files', files };
  return tls === true ? { kind: 'development' } : null;
}

function acmeOf(options: UpOptions): Transport['tls'] {
  const { acme: names, acmeDirectory: directoryUrl, acmeEmail: email = null, host, acmePort } = options;
  if (names === undefined) return null;
  if (directoryUrl === undefined || options.acmeAgreeTerms !== true) {
    throw new CordonError('CORDON_USAGE', '--acme needs --acme-directory and --acme-agree-terms.');
  }
  const challenges = options.acmeTlsAlpn === true ? null : { host, port: acmePort };
  return { kind: 'acme', names, directoryUrl, email, challenges };
}

const NO_SANDBOX =
  'WARNING: --unsafe-no-sandbox: functions are not confined. They can read and change whatever this user can, ' +
  'and reach the network. Use it for your own code only.';
const PLAINTEXT =
  'WARNING: --unsafe-plaintext: the gateway speaks plain HTTP. Whoever is on the way can read and change ' +
  'requests, answers and credentials.';

function warnUnsafe(terminal: Terminal, text: string): void {
  const { stderr } = terminal.surroundings;
  if (terminal.json) stderr.write(`${JSON.stringify({ event: 'warning', message: text })}\n`);
  else stderr.write(`${terminal.style(['bold', 'white', 'bgRed'], text, 'stderr')}\n`);
}

function banner(
  terminal: Terminal,
  server: RunningServer,
  facts: { readonly folder: string; readonly saved: string | null; readonly readyMs: number },
): void {
  const { gatewayUrl, controlUrl, s3Url, isolation, confines, firstToken, authorityFile } = server;
  terminal.result({
    event: 'ready',
    gatewayUrl,
    controlUrl,
    s3Url,
    dataDirectory: facts.folder,
    isolation,
    confines,
    plaintextExposed: server.isPlaintextExposed,
    authorityFile,
    token: firstToken,
    credentials: facts.saved,
    ms: facts.readyMs,
  });
  const label = (text: string): string => terminal.style('dim', text.padEnd(10));
  terminal.line(`${terminal.style('bold', 'cordon')} is ready in ${facts.readyMs} ms`);
  terminal.line();
  const warning = server.isPlaintextExposed ? terminal.style('red', ' (PLAIN HTTP, NOT ENCRYPTED)') : '';
  terminal.line(`  ${label('gateway')}${terminal.style('cyan', gatewayUrl)}${warning}`);
  if (authorityFile !== null) {
    terminal.line(`  ${label('authority')}${authorityFile}`);
    terminal.line(
      `  ${label('')}${terminal.style('dim', 'curl --cacert FILE, NODE_EXTRA_CA_CERTS=FILE, or')}`,
    );
    terminal.line(`  ${label('')}${terminal.style('dim', 'import it in the browser as an authority')}`);
  }
  terminal.line(`  ${label('control')}${terminal.style('cyan', controlUrl)}`);
  terminal.line(`  ${label('s3')}${terminal.style('cyan', s3Url)}`);
  terminal.line(`  ${label('data')}${facts.folder}`);
  terminal.line(
    `  ${label('isolation')}${confines ? isolation : terminal.style('red', `${isolation} (NOT CONFINED)`)}`,
  );
  if (firstToken !== null) {
    terminal.line(`  ${label('token')}${firstToken}`);
    terminal.line(
      `  ${label('')}${terminal.style('dim', 'shown this once; only its hash is kept by the server')}`,
    );
  }
  if (facts.saved !== null) terminal.line(`  ${label('saved in')}${facts.saved}`);
  else if (firstToken === null) terminal.line(`  ${label('token')}not known to this user; set CORDON_TOKEN`);
  terminal.line();
}

/** Resolves when the signal fires. */
export async function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // Keeps the process alive where nothing else does.
  const hold = setInterval(() => undefined, 2 ** 30);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  clearInterval(hold);
}
