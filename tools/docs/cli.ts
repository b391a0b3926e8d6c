import type { Argument, Command, Option } from 'commander';

/** docs/CLI.md from the tree of commands. */
export function commandsMarkdown(program: Command): string {
  const sections = program.commands.flatMap((command) => commandSections(program.name(), command));
  return `# Commands

${program.description()}

Every command takes \`--json\` for output that a program reads, and \`--help\`. Exit codes: 0 it worked, 1 it was refused or something was found, 2 the command line is wrong, 3 Cordon failed.

This file is generated from \`src/cli/program.ts\`.

${sections.join('\n')}`;
}

/** The section of a command, or of each command of a group. */
function commandSections(parent: string, command: Command): string[] {
  if (command.commands.length === 0) return [commandSection(parent, command)];
  return command.commands.flatMap((child) => commandSections(`${parent} ${command.name()}`, child));
}

function commandSection(parent: string, command: Command): string {
  const name = `${parent} ${command.name()}`;
  const rows = [...command.registeredArguments.map(argumentRow), ...command.options.map(optionRow)];
  return `## ${name}

${command.description()}

\`\`\`text
${parent} ${command.name()} ${command.usage()}
\`\`\`

| | |
| --- | --- |
${rows.join('\n')}
`;
}

function argumentRow(argument: Argument): string {
  return row(argument.name(), argument.description, argument.defaultValue);
}

function optionRow(option: Option): string {
  return row(option.flags, option.description, option.defaultValue, option.argChoices);
}

function row(name: string, description: string, defaultValue: unknown, choices?: readonly string[]): string {
  const notes = choices ? [`one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`] : [];
  if (typeof defaultValue === 'string' || typeof defaultValue === 'number')
    notes.push(`default \`${defaultValue}\``);
  const text = notes.length > 0 ? `${description} (${notes.join('; ')})` : description;
  return `| \`${name}\` | ${text.replaceAll('|', '\\|')} |`;
}
