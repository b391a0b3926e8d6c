import { styleText } from 'node:util';
import type { Readable, Writable } from 'node:stream';

type Style = Parameters<typeof styleText>[0];
type Stream = Writable & { readonly isTTY?: boolean };

/** The streams, environment and folder that a command works with; tests give their own. */
export interface Surroundings {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const FRAME_MS = 80;

// What `src/evidence` escapes in a log line as well, but for line breaks and tabs: what moves the cursor, ends a
// line for some terminals, and reorders or hides text (Unicode TR 36, section 2.4).
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e007f}]/gu;

/** Such characters as visible escapes, so that nobody's text steers the terminal or passes for another line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** What a command says and how: results on stdout, progress and errors on stderr, colours for people only. */
export class Terminal {
  readonly json: boolean;
  readonly surroundings: Surroundings;

  constructor(surroundings: Surroundings, json: boolean) {
    this.surroundings = surroundings;
    this.json = json;
  }

  /** True when a person reads stdout, so that raw bytes may do harm. */
  get interactive(): boolean {
    return this.surroundings.stdout.isTTY === true;
  }

  /** Text in a style, on stdout or stderr; plain where no terminal shows it or NO_COLOR is set. */
  style(style: Style, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    const { env } = this.surroundings;
    const coloured =
      this.surroundings[stream].isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
    return coloured ? styleText(style, text, { validateStream: false }) : text;
  }

  /** A line of a result for people. Says nothing with --json. */
  line(text = ''): void {
    if (!this.json) this.surroundings.stdout.write(`${text}\n`);
  }

  /** The result for programs: one line of JSON, only with --json. */
  result(value: unknown): void {
    if (this.json) this.surroundings.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array | string): void {
    this.surroundings.stdout.write(bytes);
  }

  /** A remark beside the result, on stderr. Says nothing with --json. */
  note(text: string): void {
    if (!this.json) this.surroundings.stderr.write(`${text}\n`);
  }

  /** Shows that something goes on until the returned function is called; only to a person at a terminal. */
  progress(label: string): () => void {
    const { stderr } = this.surroundings;
    if (this.json || stderr.isTTY !== true) return () => undefined;
    let frame = 0;
    const draw = (): void => {
      stderr.write(`\r\u001b[K${this.style('cyan', FRAMES[frame % FRAMES.length] ?? '', 'stderr')} ${label}`);
      frame++;
    };
    draw();
    const timer = setInterval(draw, FRAME_MS);
    return () => {
      clearInterval(timer);
      stderr.write('\r\u001b[K');
    };
  }
}

/** Lines of columns, padded to the widest cell of each. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  );
}
