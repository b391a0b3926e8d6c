import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs code in another process until it has printed `kill me`, and kills it there. */
export async function killed(code: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let output = '';
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (output.includes('kill me')) break;
    }
    assert.match(output, /kill me/);
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

/** A program that has the vault of a store, and never ends by itself. */
export function programOf(storePath: string, work: string): string {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  return `
    import { openSqliteStore } from ${at('../store/index.ts')};
    import { openVault, sealedColumnPlace } from ${at('./index.ts')};
    import { localWrapper } from ${at('./vault.fixture.ts')};
    const store = await openSqliteStore({ path: ${JSON.stringify(storePath)} });
    const vault = await openVault({ store, wrapper: localWrapper() });
    const forEver = setInterval(() => {}, 1000);
    ${work}`;
}
