import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../contract/index.ts';
import { ensureFirstToken, replaceFirstToken } from '../control/index.ts';
import { syncFolder } from '../store/index.ts';
import type { Store } from '../store/index.ts';

const MARK = 'first-token.pending';

/** The token of the first start, until somebody has it. */
export interface FirstToken {
  /** Null where somebody has it already. */
  readonly token: string | null;
  /** Says that it was saved or shown. */
  kept(): void;
}

/**
 * Makes the first token, or a new one in its place where the process ended before anybody had it: a mark in
 * the data folder, which holds no secret, says so until `kept`.
 */
export async function openFirstToken(store: Store, folder: string, clock: Clock): Promise<FirstToken> {
  const mark = join(folder, MARK);
  if (existsSync(mark)) return pending(await replaceFirstToken(store, clock), mark, folder);
  setMark(mark, folder);
  const token = await ensureFirstToken(store, clock);
  if (token !== null) return pending(token, mark, folder);
  removeMark(mark, folder);
  return { token: null, kept() {} };
}

function pending(token: string, mark: string, folder: string): FirstToken {
  return { token, kept: () => removeMark(mark, folder) };
}

function setMark(mark: string, folder: string): void {
  const file = openSync(mark, 'w', 0o600);
  fsyncSync(file);
  closeSync(file);
  syncFolder(folder);
}

function removeMark(mark: string, folder: string): void {
  rmSync(mark, { force: true });
  syncFolder(folder);
}
