import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Isolation, Sandbox, SandboxLimits } from './port.ts';

/** A harness that runs the code it is sent, for tests of what code can do. */
export const EVAL_HARNESS = `
import { Socket } from 'node:net';
const channel = new Socket({ fd: 3 });
const AsyncFunction = (async () => {}).constructor;
const send = (answer) => channel.write(JSON.stringify(answer) + '\\n');
let text = '';
channel.setEncoding('utf8');
channel.on('data', (piece) => {
  text += piece;
  const lines = text.split('\\n');
  text = lines.pop();
  for (const line of lines) void run(JSON.parse(line));
});
channel.on('end', () => Deno.exit(0));
async function run({ id, code }) {
  try {
    send({ id, value: await new AsyncFunction('channel', code)(channel) });
  } catch (error) {
    send({ id, error: error.name + ': ' + error.message });
  }
}
send({ id: 0, value: 'ready' });
`;

const MIB = 1024 * 1024;
export const LIMITS: SandboxLimits = { memoryBytesMax: 128 * MIB, cpuCoresMax: 1, pidsMax: 32 };

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** The host's side of a sandbox with `EVAL_HARNESS`. */
export class Guest {
  readonly sandbox: Sandbox;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #text = '';
  #next = 1;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    sandbox.channel.setEncoding('utf8');
    sandbox.channel.on('data', (piece: string) => this.#receive(piece));
    sandbox.channel.on('error', () => undefined);
    sandbox.channel.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The channel was closed.'));
    });
  }

  /** Starts a sandbox and waits for its first word. */
  static async start(isolation: Isolation, limits: Partial<SandboxLimits> = {}): Promise<Guest> {
    const guest = new Guest(await isolation.start({ ...LIMITS, ...limits }));
    try {
      assert.equal((await guest.#answer(0)).value, 'ready');
    } catch (cause) {
      throw new Error(`The sandbox did not start: ${JSON.stringify(await guest.sandbox.exited)}`, { cause });
    }
    return guest;
  }

  /** The value that the code returns. Errors: what it throws, or that the channel was closed. */
  async run(code: string): Promise<unknown> {
    const id = this.#next++;
    const answer = this.#answer(id);
    this.sandbox.channel.write(`${JSON.stringify({ id, code })}\n`);
    const { value, error } = await answer;
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Runs code that ends the sandbox. */
  async last(code: string): ReturnType<Guest['end']> {
    this.run(code).catch(() => undefined);
    return this.sandbox.exited;
  }

  async end(): Promise<Awaited<Sandbox['exited']>> {
    this.sandbox.kill();
    return this.sandbox.exited;
  }

  /** Process ids of all of it, the outermost first. */
  processes(): number[] {
    const found = [this.sandbox.pid];
    for (const pid of found) found.push(...childrenOf(pid));
    return found;
  }

  #answer(id: number): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    waiting.promise.catch(() => undefined);
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  #receive(piece: string): void {
    this.#text += piece;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    }
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** A field of /proc/PID/status. */
export function statusOf(pid: number, field: string): string {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return (
    lines
      .find((line) => line.startsWith(`${field}:`))
      ?.slice(field.length + 1)
      .trim() ?? ''
  );
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !statusOf(pid, 'State').startsWith('Z');
}

/** What the open descriptors of a process are. */
export function descriptorsOf(pid: number): Map<number, string> {
  const folder = `/proc/${pid}/fd`;
  return new Map(readdirSync(folder).map((name) => [Number(name), readlinkSync(`${folder}/${name}`)]));
}
