const BLOCK_BYTES = 512;

/** An entry of a tar archive that no well-meaning tool would write. */
export interface TarEntry {
  readonly name: string;
  /** Type flag of the ustar header. Default `0`, a plain file. */
  readonly type?: string;
  readonly body?: string | Uint8Array;
  /** Target of a link. */
  readonly link?: string;
  /** Octal digits. Default 0000644. */
  readonly mode?: string;
  /** Size field, where it is to differ from the body's. */
  readonly size?: string;
}

/** Writes a ustar archive as it is told to, whatever the entries say. */
export function makeTar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const body = Buffer.from(entry.body ?? '');
    return [
      header(entry, body.byteLength),
      body,
      Buffer.alloc((BLOCK_BYTES - (body.byteLength % BLOCK_BYTES)) % BLOCK_BYTES),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function header(entry: TarEntry, bytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(entry.name, 0, 100, 'latin1');
  block.write(`${entry.mode ?? '0000644'}\0`, 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  block.write(`${entry.size ?? bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  block.write('00000000000\0', 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(entry.type ?? '0', 156, 'latin1');
  block.write(entry.link ?? '', 157, 100, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A deployable app with one function at `/name`, as files for `makeTar`. */
export function plainApp(
  name: string,
  source: string,
  settings: { readonly auth?: unknown; readonly limits?: object } = {},
): TarEntry[] {
  const auth = settings.auth === undefined ? 'public' : settings.auth;
  const route = { path: `/${name}`, ...(auth === null ? {} : { auth }) };
  const main = {
    entry: 'main.js',
    routes: [route],
    ...(settings.limits === undefined ? {} : { limits: settings.limits }),
  };
  return [
    { name: 'cordon.jsonc', body: JSON.stringify({ name, functions: { main } }) },
    { name: 'main.js', body: source },
  ];
}
