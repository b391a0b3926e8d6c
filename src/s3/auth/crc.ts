/** The reflected polynomial of CRC-32C (RFC 3720, 12.1 and B.4). */
const CASTAGNOLI = 0x82_f6_3b_78;
/** The reflected polynomial of CRC-64/NVME (NVM Command Set Specification 1.0, 5.2.1.3.4). */
const NVME = 0x9a6c_9329_ac4b_c9b5n;
const BYTE_VALUES = 256;
/** Bytes that are taken at once, with a table for each; byte by byte takes several times as long. */
const SLICES = 8;

const castagnoli = castagnoliTables();
/** Both halves of the tables of CRC-64/NVME: arithmetic on numbers is many times that on big ones. */
const nvme = nvmeTables();

/** CRC-32C of what went into `state` and of `bytes` after it; 0 is the state before anything. */
export function crc32c(bytes: Uint8Array, state: number): number {
  let rest = ~state;
  let i = 0;
  for (const end = bytes.length - SLICES; i <= end; i += SLICES) {
    rest = eight(castagnoli, rest ^ word(bytes, i), word(bytes, i + 4));
  }
  for (; i < bytes.length; i += 1) {
    const row = (rest ^ (bytes[i] ?? 0)) & 0xff;
    rest = (rest >>> 8) ^ (castagnoli[row] ?? 0);
  }
  return ~rest >>> 0;
}

/** The halves of a CRC-64. */
export interface Crc64 {
  readonly high: number;
  readonly low: number;
}

/** CRC-64/NVME, as `crc32c`; both halves 0 are the state before anything. */
export function crc64nvme(bytes: Uint8Array, state: Crc64): Crc64 {
  const { high: highs, low: lows } = nvme;
  let high = ~state.high;
  let low = ~state.low;
  let i = 0;
  for (const end = bytes.length - SLICES; i <= end; i += SLICES) {
    const first = low ^ word(bytes, i);
    const second = high ^ word(bytes, i + 4);
    high = eight(highs, first, second);
    low = eight(lows, first, second);
  }
  for (; i < bytes.length; i += 1) {
    const row = (low ^ (bytes[i] ?? 0)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (lows[row] ?? 0);
    high = (high >>> 8) ^ (highs[row] ?? 0);
  }
  return { high: ~high >>> 0, low: ~low >>> 0 };
}

/** What eight bytes, in two words, leave behind. */
function eight(table: Int32Array, first: number, second: number): number {
  const at = (slice: number, byte: number): number => table[(slice << 8) | (byte & 0xff)] ?? 0;
  return (
    at(7, first) ^
    at(6, first >>> 8) ^
    at(5, first >>> 16) ^
    at(4, first >>> 24) ^
    at(3, second) ^
    at(2, second >>> 8) ^
    at(1, second >>> 16) ^
    at(0, second >>> 24)
  );
}

/** Four bytes, little endian. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** Row `n << 8 | byte`: what a byte leaves behind when `n` zero bytes follow it. */
function castagnoliTables(): Int32Array {
  const table = new Int32Array(SLICES * BYTE_VALUES);
  for (let row = 0; row < table.length; row += 1) {
    let rest = row < BYTE_VALUES ? row : (table[row - BYTE_VALUES] ?? 0);
    if (row < BYTE_VALUES)
      for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ CASTAGNOLI : rest >>> 1;
    else rest = (rest >>> 8) ^ (table[rest & 0xff] ?? 0);
    table[row] = rest;
  }
  return table;
}

function nvmeTables(): { readonly high: Int32Array; readonly low: Int32Array } {
  const high = new Int32Array(SLICES * BYTE_VALUES);
  const low = new Int32Array(SLICES * BYTE_VALUES);
  for (let byte = 0; byte < BYTE_VALUES; byte += 1) {
    let rest = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) rest = (rest & 1n) === 1n ? (rest >> 1n) ^ NVME : rest >> 1n;
    high[byte] = Number(BigInt.asIntN(32, rest >> 32n));
    low[byte] = Number(BigInt.asIntN(32, rest));
  }
  for (let row = BYTE_VALUES; row < low.length; row += 1) {
    const above = high[row - BYTE_VALUES] ?? 0;
    const below = low[row - BYTE_VALUES] ?? 0;
    low[row] = ((below >>> 8) | (above << 24)) ^ (low[below & 0xff] ?? 0);
    high[row] = (above >>> 8) ^ (high[below & 0xff] ?? 0);
  }
  return { high, low };
}
