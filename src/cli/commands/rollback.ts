import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { table } from '../terminal.ts';
import { shortId } from './deploy.ts';

interface RollbackOptions {
  readonly to?: string;
  readonly list?: true;
}

/** Makes an earlier deployment live, or lists what there is. */
export async function rollback(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const options = given as RollbackOptions;
  const { terminal } = context;
  const app = args[0] ?? '';
  const client = await connect(context);
  if (options.list === true) {
    const { deployments } = await client.call('GET /v1/apps/{app}/deployments', { params: { app } });
    terminal.result({ deployments });
    const rows = deployments.map(({ id, createdAt, role, functions }) => [
      shortId(id),
      new Date(createdAt).toISOString().slice(0, 19).replace('T', ' '),
      role === 'retained' ? '' : role,
      functions.map(({ name }) => name).join(', '),
    ]);
    for (const line of table(rows)) terminal.line(line.trimEnd());
    return EXIT.ok;
  }
  const before = await client.call('GET /v1/apps/{app}', { params: { app } });
  const body = options.to === undefined ? {} : { to: options.to };
  const after = await client.call('POST /v1/apps/{app}/rollback', { params: { app }, body });
  terminal.result(after);
  terminal.line(`${app} serves ${shortId(after.live)} (was ${shortId(before.live)})`);
  return EXIT.ok;
}
