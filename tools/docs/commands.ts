import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const packageSchema = z.object({ scripts: z.record(z.string(), z.string()).default({}) });
const FENCE = /```(?:sh|bash|console)\n([\s\S]*?)```/g;
const SCRIPT = /(?:^|[;&|]\s*)npm (?:run ([\w:-]+)|(test|start)\b)/gm;
const COMMAND = /(?:^|[;&|$]\s*)(?:npx |(?:\.\/)?bin\/)?cordon ([a-z]+)/gm;

/**
 * Commands in the shell blocks of documents that do not exist: scripts of package.json, and commands of
 * the command line as docs/CLI.md lists them.
 */
export function checkCommands(root: string, documents: readonly string[]): string[] {
  const scripts = readScripts(join(root, 'package.json'));
  const reference = join(root, 'docs/CLI.md');
  const commands = existsSync(reference) ? readFileSync(reference, 'utf8') : null;
  const problems: string[] = [];
  for (const path of documents) {
    const blocks = [...readFileSync(join(root, path), 'utf8').matchAll(FENCE)].map(([, block = '']) => block);
    for (const block of blocks) {
      for (const [, script, short] of block.matchAll(SCRIPT)) {
        const name = script ?? short ?? '';
        if (!scripts.has(name)) problems.push(`${path}: package.json has no script ${name}`);
      }
      for (const [, command = ''] of block.matchAll(COMMAND)) {
        if (commands !== null && !commands.includes(`cordon ${command}`)) {
          problems.push(`${path}: there is no command cordon ${command}`);
        }
      }
    }
  }
  return problems;
}

function readScripts(file: string): Set<string> {
  const { scripts } = packageSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return new Set(Object.keys(scripts));
}
