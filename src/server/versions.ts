import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';

const manifest = z.object({ version: z.string() });

function versionIn(file: string | URL): string {
  return manifest.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}

/** Version of what runs the guests: code caches belong to it. */
export function runtimeVersion(): string {
  return versionIn(createRequire(import.meta.url).resolve('@deno/linux-x64-glibc/package.json'));
}

/** Versions of Cordon and of the runtimes that it brings. */
export function versions(): Record<string, string> {
  return {
    cordon: versionIn(new URL('../../package.json', import.meta.url)),
    node: process.versions.node,
    deno: runtimeVersion(),
  };
}
