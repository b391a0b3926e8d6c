import type { Command } from 'commander';
import { createProgram } from '../program.ts';
import type { CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { cordonVersion } from '../version.ts';
import { usage } from '../usage.ts';

interface Described {
  readonly name: string;
  readonly summary: string;
}

interface CommandWords extends Described {
  readonly options: readonly (Described & { readonly takes: boolean })[];
  /** What its argument is: a folder, the name of a shell, or nothing that can be completed. */
  readonly argument: 'folder' | 'shell' | 'none';
}

/** Prints the completion script of a shell, made from the tree of commands. */
export async function completion(context: CommandContext, args: readonly string[]): Promise<number> {
  const words = commandWords(createProgram(cordonVersion(), async () => undefined));
  const [shell = ''] = args;
  const scripts: Record<string, (commands: readonly CommandWords[]) => string> = {
    bash: bashScript,
    zsh: zshScript,
  };
  const script = Object.hasOwn(scripts, shell) ? scripts[shell]?.(words) : undefined;
  if (script === undefined)
    throw usage(`There is no completion for ${JSON.stringify(shell)}.`, 'Choose bash or zsh.');
  if (context.terminal.json) context.terminal.result({ shell, script });
  else context.terminal.raw(script);
  return EXIT.ok;
}

function commandWords(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.description(),
    options: command
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) =>
        [option.long, option.short]
          .filter((name) => name !== undefined && name !== null)
          .map((name) => ({ name, summary: option.description, takes: option.required })),
      ),
    argument: argumentOf(command.registeredArguments[0]?.name()),
  }));
}

function argumentOf(name: string | undefined): CommandWords['argument'] {
  if (name === 'dir') return 'folder';
  return name === 'shell' ? 'shell' : 'none';
}

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ name, options, argument }) => {
    const takers = options.filter((option) => option.takes).map((option) => option.name);
    const guard =
      takers.length === 0
        ? ''
        : `      case "$previous" in ${takers.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;; esac\n`;
    const words = [
      ...options.map((option) => option.name),
      ...(argument === 'shell' ? ['bash', 'zsh'] : []),
    ].join(' ');
    const folders = argument === 'folder' ? ` $(compgen -d -- "$word")` : '';
    return `    ${name})\n${guard}      COMPREPLY=($(compgen -W "${words}" -- "$word")${folders})\n      ;;`;
  });
  return `# bash completion of cordon, made by \`cordon completion bash\`
_cordon() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
}
complete -F _cordon cordon
`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const describe = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');
  const cases = commands.map(({ name, options, argument }) => {
    const specs = options.map((option) => {
      return quote(`${option.name}[${describe(option.summary)}]${option.takes ? ':value:_files' : ''}`);
    });
    if (argument === 'folder') specs.push(quote('1:folder:_directories'));
    if (argument === 'shell') specs.push(quote('1:shell:(bash zsh)'));
    return `        ${name}) _arguments ${specs.join(' ')} ;;`;
  });
  return `#compdef cordon
# zsh completion of cordon, made by \`cordon completion zsh\`
_cordon() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quote(`${name}:${describe(summary)}`)}`).join('\n')}
  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _cordon ]; then _cordon "$@"; else compdef _cordon cordon; fi
`;
}
