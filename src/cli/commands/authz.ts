import type { CallResult } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { manifestIn, manifestWithFilesIn } from '../source.ts';
import { printable, table, type Terminal } from '../terminal.ts';

type Explanation = CallResult<'POST /v1/apps/{app}/authz/explain'>;

interface ExplainOptions {
  readonly method?: string;
  readonly host?: string;
  readonly auth?: string;
  readonly subject?: string;
  readonly scope?: readonly string[];
  readonly claim?: Readonly<Record<string, string | string[]>>;
  readonly resource?: Readonly<Record<string, unknown>>;
  readonly address?: string;
  readonly insecure?: true;
}

/** Says what the policies of a deployed app decide about a request that is described, and why. */
export async function explainAuthz(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const [app = '', path = '/'] = args;
  const { method, host, scope, claim, insecure, auth, subject, resource, address } = given as ExplainOptions;
  const client = await connect(context);
  const explanation = await client.call('POST /v1/apps/{app}/authz/explain', {
    params: { app },
    body: {
      method: (method ?? 'GET').toUpperCase(),
      path,
      ...(host === undefined ? {} : { host }),
      ...(auth === undefined ? {} : { auth }),
      ...(subject === undefined ? {} : { subject }),
      ...(scope === undefined ? {} : { scopes: [...scope] }),
      ...(claim === undefined ? {} : { claims: claim }),
      ...(resource === undefined ? {} : { resource }),
      ...(address === undefined ? {} : { address }),
      ...(insecure === undefined ? {} : { secure: false }),
    },
  });
  context.terminal.result({ app, ...explanation });
  printExplanation(context.terminal, explanation);
  return explanation.decision.outcome === 'allow' ? EXIT.ok : EXIT.refused;
}

/** Prints the Cedar schema that the policies of an app are validated against. */
export async function printSchema(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal, surroundings } = context;
  const manifest = await manifestIn(surroundings.cwd, args[0] ?? '.');
  const { policySchema, policySchemaText } = await import('../../policy/index.ts');
  terminal.result({ app: manifest.name, schema: policySchema(manifest) });
  const text = policySchemaText(manifest);
  if (text === '')
    terminal.note('no route has `allow`, so that there is nothing that policies could ask for');
  else if (!terminal.json) terminal.raw(printable(text));
  return EXIT.ok;
}

/** Validates the policy files of an app as a deploy would. */
export async function checkPolicies(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal, surroundings } = context;
  const manifest = await manifestWithFilesIn(surroundings.cwd, args[0] ?? '.');
  const names = manifest.functions.flatMap(({ routes }) =>
    routes.map(({ allow }) => allow?.policies ?? null),
  );
  const files = [...new Set(names)].filter((name) => name !== null).toSorted();
  const { checkPolicies: check } = await import('../../policy/index.ts');
  const warnings = await check(manifest);
  terminal.result({ app: manifest.name, files, warnings });
  for (const file of files) terminal.line(`${printable(file)} is valid`);
  if (files.length === 0) terminal.line('no route has `allow`, so that there are no policies');
  for (const warning of warnings)
    terminal.note(`${terminal.style('yellow', 'warning:', 'stderr')} ${warning}`);
  return EXIT.ok;
}

function printExplanation(terminal: Terminal, explanation: Explanation): void {
  const { decision, policies, evaluated, principal, action, resource, context, entities } = explanation;
  const colour = decision.outcome === 'allow' ? 'green' : 'red';
  terminal.line(`${terminal.style(['bold', colour], decision.outcome)}: ${reasonOf(explanation)}`);
  const facts: [string, string | null][] = [
    ['principal', principal],
    ['action', action],
    ['resource', resource],
    ['policies', `${evaluated} can apply`],
  ];
  const rows = facts.flatMap(([name, value]) => (value === null ? [] : [[name, printable(value)]]));
  for (const line of table(rows)) terminal.line(`  ${line}`);
  for (const error of decision.errors)
    terminal.line(`  ${terminal.style('red', 'error')}      ${printable(error)}`);
  for (const { id, effect, file, line, text } of policies) {
    terminal.line();
    terminal.line(terminal.style('bold', printable(`${effect} ${id} (${file}:${line})`)));
    terminal.line(printable(text).replace(/^/gm, '  '));
  }
  terminal.line();
  terminal.line(terminal.style('bold', 'what the policies read'));
  terminal.line(`  context  ${printable(JSON.stringify(context))}`);
  for (const entity of entities) terminal.line(`  entity   ${printable(JSON.stringify(entity))}`);
}

function reasonOf({ decision, evaluated }: Explanation): string {
  switch (decision.reason) {
    case 'policy':
      return decision.outcome === 'allow' ? 'these policies permit it' : 'these policies forbid it';
    case 'no policy':
      return evaluated === 0 ? 'no policy is about this action' : 'no policy permits it';
    case 'lookup missing':
      return 'no policy permits it, and what it is about is not stored';
    case 'evaluation error':
      return 'it could not be evaluated';
  }
}
