import type { CallResult, ControlClient } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { appNameIn, collectSource } from '../source.ts';
import { printable, table, type Terminal } from '../terminal.ts';

interface DeployOptions {
  readonly canary?: number;
  readonly promote?: true;
  readonly clearCanary?: true;
  readonly list?: true;
}

/** What a deploy answers. */
export type DeployResult = CallResult<'POST /v1/apps/{app}/deployments'>;
type App = CallResult<'GET /v1/apps/{app}'>;

/** Digits of a deployment id that are shown to people. */
const ID_SHOWN = 12;

/** Deploys an app, or moves its canary. */
export async function deploy(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const options = given as DeployOptions;
  const client = await connect(context);
  const folder = args[0] ?? '.';
  if (options.list === true) return list(context.terminal, client);
  if (options.promote === true || options.clearCanary === true) {
    const app = await appNameIn(context.surroundings.cwd, folder);
    const input = { params: { app } };
    const shown =
      options.promote === true
        ? await client.call('POST /v1/apps/{app}/canary/promote', input)
        : await client.call('DELETE /v1/apps/{app}/canary', input);
    context.terminal.result(shown);
    context.terminal.line(`${app} serves ${shortId(shown.live)}`);
    return EXIT.ok;
  }
  const result = await publish(context, client, folder, options.canary);
  context.terminal.result(result);
  printDeployed(context.terminal, result);
  return EXIT.ok;
}

/** Collects the source of the app in `folder` and deploys it. */
export async function publish(
  context: CommandContext,
  client: ControlClient,
  folder: string,
  canary?: number,
): Promise<DeployResult> {
  const done = context.terminal.progress('collecting the source');
  const { app, archive } = await collectSource(context.surroundings.cwd, folder).finally(done);
  const uploaded = context.terminal.progress(`deploying ${app}`);
  return client
    .call('POST /v1/apps/{app}/deployments', {
      params: { app },
      query: canary === undefined ? {} : { canary },
      body: archive,
    })
    .finally(uploaded);
}

/** Shows a deployment with its steps, routes and who may call them, and what else runs its functions. */
export function printDeployed(terminal: Terminal, result: DeployResult): void {
  const { deployment, app, steps, warnings, unchanged } = result;
  const rows = steps.map(({ name, ms }) => [name, `${Math.round(ms)} ms`]);
  for (const line of table(rows)) terminal.line(terminal.style('dim', `  ${line}`));
  for (const warning of warnings)
    terminal.note(`${terminal.style('yellow', 'warning:', 'stderr')} ${printable(warning)}`);
  const share = deployment.role === 'canary' ? ` as canary for ${app.canary?.percent ?? 0}%` : '';
  const head = unchanged ? 'unchanged' : 'deployed';
  terminal.line(
    `${terminal.style('green', head)} ${app.name} ${terminal.style('bold', shortId(deployment.id))}${share}`,
  );
  printRoutes(terminal, deployment.functions);
}

function printRoutes(terminal: Terminal, functions: App['functions']): void {
  const rows = functions.flatMap((fn) => {
    const routes = fn.routes.map(({ methods, url, auth, deliver }) => [
      fn.name,
      methods?.join(',') ?? 'any',
      url,
      `auth: ${auth}${deliver === 'request' ? '' : ', delivered as events'}`,
    ]);
    const sources = fn.sources.map(({ kind, about }) => [fn.name, kind, about, '']);
    const all = [...routes, ...sources];
    return all.length > 0 ? all : [[fn.name, '-', 'no route and no source; run it with `cordon invoke`', '']];
  });
  for (const line of table(rows)) terminal.line(`  ${line.trimEnd()}`);
}

async function list(terminal: Terminal, client: ControlClient): Promise<number> {
  const { apps } = await client.call('GET /v1/apps', {});
  terminal.result({ apps });
  if (apps.length === 0) terminal.line('no apps');
  for (const app of apps) {
    const canary =
      app.canary === null ? '' : `, canary ${shortId(app.canary.deployment)} for ${app.canary.percent}%`;
    terminal.line(`${terminal.style('bold', app.name)} ${shortId(app.live)}${canary}`);
    printRoutes(terminal, app.functions);
  }
  return EXIT.ok;
}

/** The first digits of a deployment id. */
export function shortId(id: string): string {
  return id.slice(0, ID_SHOWN);
}
