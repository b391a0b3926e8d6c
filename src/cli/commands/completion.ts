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
  /** Commands of a group. */
  readonly children: readonly CommandWords[];
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
    children: commandWords(command),
  }));
}

function argumentOf(name: string | undefined): CommandWords['argument'] {
  if (name?.startsWith('dir') === true) return 'folder';
  return name === 'shell' ? 'shell' : 'none';
}

/** The words for one command, whose name stands at this index of the command line. */
function bashCase({ name, options, argument, children }: CommandWords, index: number): string {
  if (children.length > 0) {
    const names = children.map((child) => child.name).join(' ');
    return `    ${name})
      if [ "$COMP_CWORD" -eq ${index + 1} ]; then
        COMPREPLY=($(compgen -W "${names} --help" -- "$word"))
        return
      fi
      case "\${COMP_WORDS[${index + 1}]}" in
${children.map((child) => bashCase(child, index + 1)).join('\n')}
      esac
      ;;`;
  }
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
}

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map((command) => bashCase(command, 1));
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

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function describe(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&');
}

function zshCase({ name, options, argument, children }: CommandWords): string {
  if (children.length > 0) {
    const names = children.map((child) => quote(`${child.name}[${describe(child.summary)}]`)).join(' ');
    return `        ${name})
          if (( CURRENT == 2 )); then _values command ${names}; return; fi
          shift words; (( CURRENT-- ))
          case $words[1] in
${children.map(zshCase).join('\n')}
          esac
          ;;`;
  }
  const specs = options.map((option) =>
    quote(`${option.name}[${describe(option.summary)}]${option.takes ? ':value:_files' : ''}`),
  );
  if (argument === 'folder') specs.push(quote('1:folder:_directories'));
  if (argument === 'shell') specs.push(quote('1:shell:(bash zsh)'));
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const cases = commands.map(zshCase);
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
