import { Command, Option } from 'commander';
import { addAccessKeys } from './access-key-commands.ts';
import { addAuthorizing } from './authz-commands.ts';
import type { CommandContext } from './context.ts';
import { addEvents } from './event-commands.ts';
import { addQuarantine } from './quarantine-commands.ts';
import { count, header, listed, moment, percent, port, size } from './option-values.ts';

/** Runs one command and returns its exit code. */
export type Action = (
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<number>;

/** Carries a chosen command out of the tree. */
export type Dispatch = (
  load: () => Promise<Action>,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<void>;

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}

const data = (): Option =>
  new Option('--data <dir>', 'folder of the server state (default: CORDON_DATA, or the folder of this user)');

type Add = (name: string, summary: string, load: () => Promise<Action>, shown: readonly string[]) => Command;

/** Where commands are added: the program, or a group such as `cordon secret`. */
export interface Branch {
  readonly add: Add;
  readonly group: (name: string, summary: string, shown: readonly string[]) => Branch;
}

/** The tree of commands. The code of a command is loaded when it is chosen. */
export function createProgram(version: string, dispatch: Dispatch): Command {
  const program = new Command('cordon');
  program
    .description('Runs functions that can do only what their manifest grants.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError(false)
    .addHelpText(
      'after',
      examples('cordon init hello && cd hello', 'cordon up', 'cordon deploy', 'cordon logs --follow'),
    );

  const root = branchOf(program, dispatch);
  addServing(root.add);
  addDeploying(root.add);
  addOperating(root.add);
  addKeeping(root);
  addAccessKeys(root);
  addEvents(root);
  addQuarantine(root);
  addAuthorizing(root);
  addAssisting(root.add);
  return program;
}

function branchOf(parent: Command, dispatch: Dispatch): Branch {
  return {
    add: (name, summary, load, shown) =>
      parent
        .command(name)
        .description(summary)
        .addHelpText('after', examples(...shown))
        .option('--json', 'write the result as JSON')
        .option('--verbose', 'show the whole trace of an error')
        .action(async (...given: unknown[]) => {
          const command = given.at(-1) as Command;
          await dispatch(
            load,
            command.processedArgs.flat().filter((arg) => typeof arg === 'string'),
            command.opts(),
          );
        }),
    group: (name, summary, shown) => {
      const group = parent.command(name).description(summary).helpCommand(false);
      group.addHelpText('after', examples(...shown));
      return branchOf(group, dispatch);
    },
  };
}

/** The server. */
function addServing(add: Add): void {
  add('up', 'Start the server.', async () => (await import('./commands/up.ts')).up, [
    'cordon up',
    'cordon up --data ./state --port 9000 --control-port 9001',
    'cordon up --json | tee cordon.log',
  ])
    .addOption(data())
    .option('--host <address>', 'address of the gateway', '127.0.0.1')
    .option('--port <port>', 'port of the gateway; 0 takes a free one', port, 8080)
    .option('--control-port <port>', 'port of the control API on 127.0.0.1; 0 takes a free one', port, 8081)
    .option('--s3-port <port>', 'port of the endpoint for clients of S3; 0 takes a free one', port, 8082)
    .option(
      '--s3-origin <origin>',
      'origin of pages that may use it, as https://example.org; may be repeated',
      listed,
    )
    .option('--pool <count>', 'sandboxes kept warm', size)
    .addOption(
      new Option('--tls', 'TLS for this machine, by a development authority').conflicts(['tlsCert', 'acme']),
    )
    .option('--tls-cert <file>', 'certificate chain in PEM, leaf first; may be repeated', listed)
    .option('--tls-key <file>', 'key of the certificate in PEM; as often as --tls-cert', listed)
    .option('--acme <name>', 'name of a certificate by ACME; may be repeated', listed)
    .option('--acme-directory <url>', 'directory of the ACME server')
    .option('--acme-agree-terms', 'agree to the terms of the ACME server')
    .option('--acme-email <address>', 'where the ACME server writes to about the account')
    .option('--acme-port <port>', 'port for its challenges over plain HTTP', port, 80)
    .option('--acme-tls-alpn', 'answer its challenges on the port of the gateway, which it sees as 443')
    .option('--trusted-proxy <range>', 'address or CIDR of a proxy in front; may be repeated', listed)
    .option('--proxy-protocol', 'trusted proxies send a header of the PROXY protocol, version 2')
    .option('--unsafe-plaintext', 'speak plain HTTP on an address that others can reach')
    .option('--unsafe-no-sandbox', 'run functions without a sandbox: they can do whatever you can');
}

/** An app on the way from its folder to the server. */
function addDeploying(add: Add): void {
  add('init', 'Write a small app.', async () => (await import('./commands/init.ts')).init, [
    'cordon init',
    'cordon init shop --name shop',
    'cordon init shop --openapi openapi.yaml',
  ])
    .argument('[dir]', 'folder of the app', '.')
    .option('--name <name>', 'name of the app (default: name of the folder)')
    .option('--openapi <file>', 'OpenAPI 3.1 document, JSON or YAML: write routes, schemas and stubs for it')
    .option('--public', 'with --openapi: operations that ask for no security are for everyone');

  add(
    'dev',
    'Deploy again at every change and show the logs.',
    async () => (await import('./commands/dev.ts')).dev,
    ['cordon dev', 'cordon dev ./shop --port 9000'],
  )
    .argument('[dir]', 'folder with cordon.jsonc', '.')
    .option('--port <port>', 'port of the gateway, when dev starts the server', port, 8080)
    .option('--unsafe-no-sandbox', 'when dev starts the server: without a sandbox');

  add('deploy', 'Deploy an app.', async () => (await import('./commands/deploy.ts')).deploy, [
    'cordon deploy',
    'cordon deploy ./shop --canary 10',
    'cordon deploy ./shop --promote',
    'cordon deploy --list',
  ])
    .argument('[dir]', 'folder with cordon.jsonc', '.')
    .option('--canary <percent>', 'send only this share of the requests to it', percent)
    .addOption(new Option('--promote', 'make the canary live').conflicts(['canary', 'clearCanary', 'list']))
    .addOption(
      new Option('--clear-canary', 'send all requests to the live deployment').conflicts(['canary', 'list']),
    )
    .addOption(new Option('--list', 'list the apps and what they serve').conflicts(['canary']));
}

/** An app that is deployed. */
function addOperating(add: Add): void {
  add(
    'permissions',
    'Compare what an app uses with what it is granted.',
    async () => (await import('./commands/permissions.ts')).permissions,
    [
      'cordon permissions',
      'cordon permissions ./shop --write',
      'cordon permissions --json',
      'cordon permissions shop',
    ],
  )
    .argument('[dir|APP]', 'folder with cordon.jsonc, or the name of an app for what the server saw', '.')
    .option('--write', 'change cordon.jsonc to what is used, keeping its comments');

  add('invoke', 'Run a function once.', async () => (await import('./commands/invoke.ts')).invoke, [
    'cordon invoke hello/hello',
    'cordon invoke /orders/1 --method PUT --data \'{"count":2}\' --header "content-type: application/json"',
    'cordon invoke shop/orders --path /orders/1 -i',
    'cordon invoke shop/orders --data @order.json',
  ])
    .argument('<target>', 'APP/FUNCTION, or the path of a route')
    .option('-X, --method <method>', 'HTTP method (default: GET, or POST with --data)')
    .option('-d, --data <data>', 'body; @FILE reads a file, @- reads stdin')
    .option('-H, --header <header>', 'header as "name: value"; may be repeated', header)
    .option('--path <path>', 'path and query that the function sees (default: / or the path of the target)')
    .option('--host <host>', 'host name of the request, for a path')
    .option('-i, --head', 'print status and headers too');

  add('logs', 'Show logs or security events.', async () => (await import('./commands/logs.ts')).logs, [
    'cordon logs --app shop --follow',
    'cordon logs --request req_0123456789abcdef',
    'cordon logs --security --json',
  ])
    .option('--app <name>', 'only of this app')
    .option('--function <name>', 'only of this function')
    .option('--request <id>', 'only of this request')
    .option('-f, --follow', 'wait for more')
    .option('-n, --limit <count>', 'how many, at most 1000', count, 100)
    .addOption(new Option('--security', 'security events').conflicts(['request']));

  add(
    'rollback',
    'Make an earlier deployment live.',
    async () => (await import('./commands/rollback.ts')).rollback,
    ['cordon rollback shop', 'cordon rollback shop --list', 'cordon rollback shop --to 0123456789ab'],
  )
    .argument('<app>', 'name of the app')
    .option('--to <id>', 'deployment id, or at least its first 8 digits (default: what was live before)')
    .addOption(new Option('--list', 'list the deployments').conflicts(['to']));
}

/** What the server keeps for apps. */
function addKeeping({ group }: Branch): void {
  const secret = group('secret', 'Set, list and delete secrets.', [
    'cordon secret set STRIPE_KEY < key.txt',
    'cordon secret list',
  ]);
  const loadSecrets = async () => import('./commands/secret.ts');
  secret
    .add('set', 'Make a secret or replace its value.', async () => (await loadSecrets()).setSecret, [
      'cordon secret set STRIPE_KEY < key.txt',
      'pass show stripe | cordon secret set STRIPE_KEY',
      'cordon secret set TLS_KEY --from-file key.pem',
    ])
    .argument('<name>', 'name of the secret: capitals, digits and _')
    .option('--from-file <file>', 'file with the value (default: stdin, or asked for at a terminal)');
  secret.add('list', 'List the secrets, never their values.', async () => (await loadSecrets()).listSecrets, [
    'cordon secret list',
    'cordon secret list --json',
  ]);
  secret
    .add('delete', 'Delete a secret.', async () => (await loadSecrets()).deleteSecret, [
      'cordon secret delete STRIPE_KEY',
    ])
    .argument('<name>', 'name of the secret');

  addKeys(group);
}

/** API keys of callers, and the keys that data is encrypted with. */
function addKeys(group: Branch['group']): void {
  const key = group('key', 'Make and revoke API keys, and rotate the keys that data is encrypted with.', [
    'cordon key create --app shop --auth partners --name "Ada, nightly export"',
    'cordon key list',
    'cordon key rotate',
  ]);
  const loadApiKeys = async () => import('./commands/api-key.ts');
  key
    .add('create', 'Make an API key, which is shown once.', async () => (await loadApiKeys()).createApiKey, [
      'cordon key create --app shop --auth partners --name "Ada, nightly export" --scope orders:read',
      'cordon key create --app shop --auth partners --name ci --expires 90d > key.txt',
    ])
    .requiredOption('--app <app>', 'name of the app')
    .requiredOption('--auth <name>', 'authenticator of the section auth.apiKey of cordon.jsonc')
    .requiredOption('--name <name>', 'whose key it is, for people')
    .option('--scope <scope>', 'scope that it has; may be repeated', listed)
    .option('--expires <time>', 'when it ends: 90d, 12h or a date (default: never)', moment);
  key
    .add('list', 'List the API keys, never their text.', async () => (await loadApiKeys()).listApiKeys, [
      'cordon key list',
      'cordon key list --app shop --json',
    ])
    .option('--app <app>', 'only of this app');
  key
    .add('revoke', 'Revoke an API key, at once.', async () => (await loadApiKeys()).revokeApiKey, [
      'cordon key revoke 0a1b2c3d',
    ])
    .argument('<id>', 'id of the key: what stands between its first two underscores');
  key
    .add('rotate', 'Encrypt with a new key.', async () => (await import('./commands/key.ts')).rotateKey, [
      'cordon key rotate',
      'cordon key rotate --master',
    ])
    .option(
      '--master',
      'a new master key, which wraps the data keys (default: a new data key, and all data sealed anew)',
    );
}

/** What helps a person at this machine. */
function addAssisting(add: Add): void {
  add(
    'openapi',
    'Print the OpenAPI document of an app.',
    async () => (await import('./commands/openapi.ts')).openapi,
    ['cordon openapi', 'cordon openapi ./shop --url https://shop.example > openapi.json'],
  )
    .argument('[dir]', 'folder with cordon.jsonc', '.')
    .option('--url <url>', 'where the app is served');

  add(
    'types',
    'Write cordon.d.ts from the manifest.',
    async () => (await import('./commands/types.ts')).types,
    ['cordon types', 'cordon types ./shop --check'],
  )
    .argument('[dir]', 'folder with cordon.jsonc', '.')
    .option('--check', 'write nothing; fail when the file is out of date');

  add('doctor', 'Say what this machine lacks.', async () => (await import('./commands/doctor.ts')).doctor, [
    'cordon doctor',
    'cordon doctor --json',
  ])
    .addOption(data())
    .option('--port <port>', 'port of the gateway', port, 8080)
    .option('--control-port <port>', 'port of the control API', port, 8081)
    .option('--s3-port <port>', 'port of the endpoint for clients of S3', port, 8082);

  add(
    'completion',
    'Print the completion script of a shell.',
    async () => (await import('./commands/completion.ts')).completion,
    [
      'cordon completion bash > ~/.local/share/bash-completion/completions/cordon',
      'cordon completion zsh > "${fpath[1]}/_cordon"',
    ],
  ).argument('<shell>', 'bash or zsh');
}
