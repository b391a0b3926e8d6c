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
    if (HELP_CODES.has(thrown.code) && thrown.exitCode === 0) return EXIT.ok;
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
  const command = commandOf(argv, program);
  const name = wordsOf(command).join(' ');
  const isExcess = error.code === 'commander.excessArguments';
  const message =
    error.code === 'commander.help'
      ? `\`cordon ${name}\` needs a command: ${command.commands.map((child) => child.name()).join(', ')}`
      : error.message
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')
          .trim();
  const next =
    name === 'secret set' && isExcess
      ? 'Give the value on stdin or with --from-file: others on the machine can read command lines.'
      : `See \`cordon ${command === program ? '' : `${name} `}--help\`.`;
  // What is too much may be a secret: neither the words nor the error that holds them are shown.
  return isExcess
    ? new CordonError('CORDON_USAGE', message.replace(/(but got \d+).*$/, '$1.'), { details: { next } })
    : new CordonError('CORDON_USAGE', message, { details: { next }, cause: error });
}

/** The words of a command below the program: `secret`, `set`. */
function wordsOf(command: Command): string[] {
  return command.parent === null ? [] : [...wordsOf(command.parent), command.name()];
}

/** The command that a command line is about, as far as it can be told. */
function commandOf(argv: readonly string[], program: Command): Command {
  let command = program;
  for (const word of argv) {
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (child === undefined) return command;
    command = child;
  }
  return command;
}
