import { run } from './run.ts';

const controller = new AbortController();
let armed = false;

/** Called by commands that run until they are stopped; the others end at a signal as any program does. */
function untilStopped(): AbortSignal {
  if (armed) return controller.signal;
  armed = true;
  const onSignal = (signal: NodeJS.Signals): void => {
    // The second time it is meant at once.
    if (controller.signal.aborted) process.exit(1);
    controller.abort(signal);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return controller.signal;
}

// A reader that has seen enough (`cordon logs | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 3));

const { stdout, stderr, stdin, env } = process;
process.exitCode = await run(
  process.argv.slice(2),
  { stdout, stderr, stdin, env, cwd: process.cwd() },
  { untilStopped },
);
