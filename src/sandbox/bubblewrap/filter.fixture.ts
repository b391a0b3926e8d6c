/** A system call as a filter sees it. */
export interface Call {
  readonly number: number;
  readonly arguments?: readonly (number | bigint)[];
  readonly architecture?: number;
  readonly instruction?: number;
}

const NAMES = new Map([
  [0x7fff0000, 'allow'],
  [0x00050001, 'EPERM'],
  [0x00050026, 'ENOSYS'],
  [0x80000000, 'kill'],
]);

/** Runs a filter as the kernel would (bpf(4) of BSD, the subset that the compiler uses). */
export function evaluate(filter: Buffer, call: Call): string {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.architecture ?? 0xc000003e, 4);
  data.writeBigUInt64LE(BigInt(call.instruction ?? 0), 8);
  for (const [index, value] of (call.arguments ?? []).entries()) {
    data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 16 + 8 * index);
  }
  let word = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const value = filter.readUInt32LE(at + 4);
    const jump = (holds: boolean): number => 8 * filter.readUInt8(at + (holds ? 2 : 3));
    switch (filter.readUInt16LE(at)) {
      case 0x20:
        word = data.readUInt32LE(value);
        break;
      case 0x54:
        word = (word & value) >>> 0;
        break;
      case 0x15:
        at += jump(word === value);
        break;
      case 0x35:
        at += jump(word >= value);
        break;
      case 0x06:
        return NAMES.get(value) ?? `unknown ${value}`;
      default:
        throw new Error('The instruction is unknown.');
    }
  }
  throw new Error('The program has no end.');
}
