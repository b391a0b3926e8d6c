/**
 * Loaded before each test file: kills the process of a file that is not done in time. node:test ends a file with
 * SIGTERM, which a process that computes without end never comes to handle.
 */
import { Worker } from 'node:worker_threads';

const FILE_TIMEOUT_MS = 240_000;

const worker = new Worker(
  `setTimeout(() => {
     require('node:fs').writeSync(2, 'The file took longer than ${FILE_TIMEOUT_MS / 1000} s and was killed.\\n');
     process.kill(process.pid, 'SIGKILL');
   }, ${FILE_TIMEOUT_MS});`,
  { eval: true },
);
worker.unref();
