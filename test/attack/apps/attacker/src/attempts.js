/* oxlint-disable -- hostile code */
const PATIENCE_MS = 1200;

/** Runs each attempt and says what came of it: `denied …` or `REACHED …`. */
export async function run(attempts) {
  const entries = Object.entries(attempts).map(async ([name, attempt]) => [name, await outcome(attempt)]);
  return Object.fromEntries(await Promise.all(entries));
}

async function outcome(attempt) {
  let timer;
  const patience = new Promise(
    (resolve) => (timer = setTimeout(() => resolve('denied: no answer'), PATIENCE_MS)),
  );
  try {
    return await Promise.race([
      Promise.resolve(attempt()).then((value) => `REACHED ${show(value)}`),
      patience,
    ]);
  } catch (thrown) {
    return `denied: ${thrown?.name ?? typeof thrown}: ${String(thrown?.message ?? thrown).slice(0, 160)}`;
  } finally {
    clearTimeout(timer);
  }
}

function show(value) {
  try {
    return (typeof value === 'string' ? value : Deno.inspect(value)).slice(0, 300);
  } catch {
    return 'something';
  }
}

/** Settles with the first of some events of an emitter or event target; rejects with its errors. */
export function first(emitter, good, bad = ['error']) {
  return new Promise((resolve, reject) => {
    const on = (name, then) => {
      if (emitter.on) emitter.on(name, then);
      else emitter.addEventListener(name, then);
    };
    for (const name of good) on(name, () => resolve(name));
    for (const name of bad)
      on(name, (event) => {
        event?.preventDefault?.();
        reject(
          event?.error ?? (event instanceof Error ? event : new Error(event?.message || `event ${name}`)),
        );
      });
  });
}

export const builtin = (name) => process.getBuiltinModule(name);
