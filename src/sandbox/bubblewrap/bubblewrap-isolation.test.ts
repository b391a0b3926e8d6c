import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { isolationContract } from '../isolation.contract.ts';
import { createBubblewrapIsolation } from './bubblewrap-isolation.ts';

const runtimeDirectory = mkdtempSync(join(tmpdir(), 'cordon-runtime-'));
// Sandboxes are other users, who have to get in.
chmodSync(runtimeDirectory, 0o755);
after(() => rmSync(runtimeDirectory, { recursive: true, force: true }));

isolationContract('bubblewrap', { confines: true }, (harness) =>
  createBubblewrapIsolation({ harness, runtimeDirectory }),
);
