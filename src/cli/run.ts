import { CommanderError, type Command } from 'commander';
import { CordonError } from '../contract/index.ts';
import type { CommandContext } from './context.ts';
import { createProgram } from './program.ts';
import { EXIT, reportError } from './report.ts';
import { requirementsLazily, startServerLazily, type StartServer } from './server-port.ts';
import { Terminal, type Surroundings } from './terminal.ts';
import { cordonVersion } from './version.ts';

export interface RunOptions {
  /** Default: the composition root, loaded when needed. */
  readonly startServer?: StartServer;
  /** Default: those of the isolation adapter. */
  readonly requirements?: CommandContext['requirements'];
  /** The signal that ends commands that run until they are stopped. */
  readonly untilStopped: () => AbortSignal;
}

const HELP_CODES = new Set(['commander.helpDisplayed', 'commander.help', 'commander.version']);

/** Runs one command line (without the program's name) and returns its exit code. Never throws. */
export async function run(
  argv: readonly string[],
  surroundings: Surroundings,
  options: RunOptions,
): Promise<number> {
  // Asked of the raw words, because a command line that cannot be parsed is reported too.
  const terminal = new Terminal(surroundings, argv.includes('--json'));
  const verbose = argv.includes('--verbose');
  let exitCode: number = EXIT.ok;
  const program = createProgram(cordonVersion(), async (load, args, given) => {
    const context: CommandContext = {
      terminal,
      surroundings,
      startServer: options.startServer ?? startServerLazily,
      requirements: options.requirements ?? requirementsLazily,
      untilStopped: options.untilStopped,
    };
    exitCode = await (await load())(context, args, given);
  });
  quiet(program, surroundings);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return reportError(terminal, thrown, { verbose });
    if (HELP_CODES.has(thrown.code)) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(terminal, usageError(thrown, argv, program), { verbose });
  }
}

/** Makes the tree throw instead of exiting, and print only help; errors are reported in one place. */
function quiet(command: Command, surroundings: Surroundings): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => surroundings.stdout.write(text),
    writeErr: () => undefined,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const child of command.commands) quiet(child, surroundings);
}

function usageError(error: CommanderError, argv: readonly string[], program: Command): CordonError {
  const message = error.message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim();
  const command = program.commands.find((candidate) => candidate.name() === argv[0]);
  const next = command === undefined ? 'See `cordon --help`.' : `See \`cordon ${command.name()} --help\`.`;
  return new CordonError('CORDON_USAGE', message, { details: { next }, cause: error });
}
