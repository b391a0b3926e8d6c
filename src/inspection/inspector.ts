import { CordonError, LIMITS } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import { buildInspectionBundle } from './bundle.ts';
import { extensionOf, hidingIn } from './names.ts';
import { PROBLEM_CODES } from './port.ts';
import type { InspectedObject, ProblemCode, RejectReason, UploadRules, Verdict } from './port.ts';
import type { InspectionRoom, InspectionTask } from './room.ts';
import type { Scanner } from './scanner.ts';
import {
  canonicalType,
  isAmong,
  isClosedArchive,
  settledType,
  suitsDeclared,
  suitsExtension,
} from './types.ts';

const DETAIL_CHARACTERS_MAX = 200;
const TYPE = /^[a-z]+\/[\w.+-]{1,100}$/i;
/** What a file does to the sandbox that reads it. */
const EXHAUSTED: readonly ErrorCode[] = ['CORDON_FUNCTION_MEMORY', 'CORDON_FUNCTION_TIMEOUT'];
const BROKEN: readonly ErrorCode[] = [
  'CORDON_FUNCTION_CRASHED',
  'CORDON_FUNCTION_ERROR',
  'CORDON_FUNCTION_RESPONSE',
  'CORDON_CHANNEL_VIOLATION',
];

export interface InspectorOptions {
  readonly room: InspectionRoom;
  /** Null: there is none. One that cannot be asked refuses everything. */
  readonly scanner?: Scanner | null;
  /** Encrypted entries of archives, which nobody can look into, pass. Default false. */
  readonly allowEncrypted?: boolean;
}

/** What the code in the sandbox said of a file, as far as it is one of the things that it may say. */
interface Finding {
  readonly type: string;
  readonly needs: 'nothing' | 'archive' | 'whole';
  readonly problem: { readonly code: ProblemCode; readonly detail: string } | null;
}

/** Judges uploads by their names and bytes. All bytes are parsed in the sandboxes of the room. */
export class Inspector {
  readonly #room: InspectionRoom;
  readonly #scanner: Scanner | null;
  readonly #allowEncrypted: boolean;
  readonly #bundle: Uint8Array;

  private constructor(options: InspectorOptions, bundle: Uint8Array) {
    this.#room = options.room;
    this.#scanner = options.scanner ?? null;
    this.#allowEncrypted = options.allowEncrypted ?? false;
    this.#bundle = bundle;
  }

  /** Errors: those of esbuild. */
  static async open(options: InspectorOptions): Promise<Inspector> {
    return new Inspector(options, await buildInspectionBundle());
  }

  /**
   * Whether all of the rules let an object in. Errors: CORDON_UPLOAD_UNCHECKED where that cannot be told, and
   * those of reading the object.
   */
  async inspect(object: InspectedObject, rules: readonly UploadRules[]): Promise<Verdict> {
    const hiding = hidingIn(object.key);
    if (hiding !== null) return reject('name-hidden', hiding);
    const bytesMax = Math.min(...rules.map((rule) => rule.bytesMax ?? Infinity));
    if (object.size > bytesMax) return reject('too-large', `${object.size} bytes, at most ${bytesMax}`);
    const { type: sniffed, problem } = await this.#read(object);
    if (problem !== null) return reject(problem.code, problem.detail);
    const verdict = judge(sniffed, object, rules);
    if (verdict.kind === 'reject') return verdict;
    const found = (await this.#scanner?.scan(object.stream(), object.size)) ?? null;
    return found === null ? verdict : reject('malware', found);
  }

  async #read(object: InspectedObject): Promise<Finding> {
    if (object.size === 0) return { type: 'text/plain', needs: 'nothing', problem: null };
    const first = await this.#sniff(object);
    if (first.problem !== null || first.needs === 'nothing') return first;
    if (first.needs === 'archive') return this.#readArchive(object, first);
    const isText = first.type.startsWith('text/');
    if (!isText && object.size > LIMITS.uploadArchiveBytesMax.value) return tooLarge(first, object);
    const query = new URLSearchParams({ type: first.type, bytes: String(object.size) });
    const target = `${isText ? '/text' : '/whole'}?${query.toString()}`;
    return this.#alone(object, target, isText ? 0 : object.size, 'unreadable');
  }

  /** By how the file starts and ends; a small one as a whole. */
  async #sniff(object: InspectedObject): Promise<Finding> {
    const edge = LIMITS.uploadHeadBytesMax.value;
    const isWhole = object.size <= LIMITS.uploadSniffBytesMax.value;
    const pieces = isWhole
      ? [await object.read(0, object.size)]
      : [await object.read(0, edge), await object.read(object.size - edge, object.size)];
    const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    const head = isWhole ? bytes : edge;
    const query = new URLSearchParams({ bytes: String(bytes), head: String(head), whole: String(isWhole) });
    const task = {
      target: `/sniff?${query.toString()}`,
      memoryBytes: LIMITS.functionMemoryBytesDefault.value,
      timeMs: LIMITS.uploadSniffTimeMs.value,
    };
    const run = (alone: boolean): Promise<Finding> => this.#run({ ...task, alone, body: following(pieces) });
    try {
      return await run(false);
    } catch (thrown) {
      if (!isOf(thrown, [...EXHAUSTED, ...BROKEN])) throw unchecked(thrown);
    }
    // Another file may have broken the sandbox that both were in: alone, it is this one.
    return this.#blaming('unreadable', () => run(true));
  }

  async #readArchive(object: InspectedObject, first: Finding): Promise<Finding> {
    if (object.size > LIMITS.uploadArchiveBytesMax.value) return tooLarge(first, object);
    const bounds = {
      entries: LIMITS.uploadEntriesMax.value,
      unpackedBytes: LIMITS.uploadUnpackedBytesMax.value,
      ratio: LIMITS.uploadUnpackedRatioMax.value,
      freeBytes: LIMITS.uploadUnpackedBytesFree.value,
      nestedBytes: LIMITS.uploadNestedBytesMax.value,
      depth: LIMITS.uploadArchiveDepthMax.value,
      nameBytes: LIMITS.uploadEntryNameBytesMax.value,
      allowEncrypted: this.#allowEncrypted,
    };
    const query = new URLSearchParams({ bytes: String(object.size), bounds: JSON.stringify(bounds) });
    return this.#alone(object, `/archive?${query.toString()}`, object.size, 'archive-bomb');
  }

  #alone(object: InspectedObject, target: string, bytes: number, blame: ProblemCode): Promise<Finding> {
    return this.#blaming(blame, () =>
      this.#run({
        target,
        body: object.stream(),
        alone: true,
        memoryBytes: LIMITS.uploadInspectMemoryBytes.value + bytes,
        timeMs: LIMITS.uploadInspectTimeMs.value,
      }),
    );
  }

  /** Takes the end of a sandbox for what the file in it is. */
  async #blaming(exhausting: ProblemCode, run: () => Promise<Finding>): Promise<Finding> {
    try {
      return await run();
    } catch (thrown) {
      if (!isOf(thrown, [...EXHAUSTED, ...BROKEN])) throw unchecked(thrown);
      const code = isOf(thrown, EXHAUSTED) ? exhausting : 'unreadable';
      const detail = `the sandbox that read it ended: ${thrown.code}`;
      return { type: 'application/octet-stream', needs: 'nothing', problem: { code, detail } };
    }
  }

  async #run(task: InspectionTask): Promise<Finding> {
    return parseFinding(await this.#room.run(this.#bundle, task));
  }
}

function judge(sniffed: string, object: InspectedObject, rules: readonly UploadRules[]): Verdict {
  const extension = extensionOf(object.key);
  const declared = canonicalType(object.declaredType);
  const known = canonicalType(sniffed) ?? sniffed;
  if (!suitsExtension(known, extension))
    return reject('name-mismatch', `.${extension} with bytes of ${known}`);
  if (declared !== null && !suitsDeclared(known, declared))
    return reject('type-declared', `declared ${declared.slice(0, 100)} with bytes of ${known}`);
  const type = settledType(known, declared, extension);
  if (!rules.every(({ types }) => isAmong(type, types))) return reject('type-refused', type);
  const isNamed = rules.every(
    ({ types }) => types?.some((wanted) => canonicalType(wanted) === type) === true,
  );
  if (isClosedArchive(type) && (!isNamed || rules.length === 0))
    return reject('archive-unreadable', `${type}, whose entries cannot be checked and which no rule names`);
  return { kind: 'pass', type };
}

function reject(reason: RejectReason, detail: string): Verdict {
  return { kind: 'reject', code: codeOf(reason), reason, detail };
}

function codeOf(reason: RejectReason): Extract<Verdict, { kind: 'reject' }>['code'] {
  if (reason === 'name-hidden') return 'CORDON_UPLOAD_NAME_REFUSED';
  if (reason === 'too-large') return 'CORDON_UPLOAD_TOO_LARGE';
  if (reason === 'malware') return 'CORDON_UPLOAD_MALWARE';
  return reason.startsWith('archive-') ? 'CORDON_UPLOAD_ARCHIVE_REFUSED' : 'CORDON_UPLOAD_TYPE_REFUSED';
}

/** Whatever the guest says beyond what it may say makes it a broken one. */
function parseFinding(answer: unknown): Finding {
  const { type, needs, problem } = (answer ?? {}) as Partial<Record<keyof Finding, unknown>>;
  const isNeed = needs === 'nothing' || needs === 'archive' || needs === 'whole';
  if (typeof type !== 'string' || !TYPE.test(type) || !isNeed) throw broken();
  if (problem === null) return { type, needs, problem };
  const { code, detail } = (problem ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  const known = PROBLEM_CODES.find((candidate) => candidate === code);
  if (known === undefined || typeof detail !== 'string') throw broken();
  return { type, needs, problem: { code: known, detail: detail.slice(0, DETAIL_CHARACTERS_MAX) } };
}

function tooLarge({ type }: Finding, { size }: InspectedObject): Finding {
  const detail = `${type} of ${size} bytes, at most ${LIMITS.uploadArchiveBytesMax.value} can be inspected`;
  return { type, needs: 'nothing', problem: { code: 'archive-too-large', detail } };
}

function broken(): CordonError {
  return new CordonError('CORDON_FUNCTION_RESPONSE', 'The inspecting code answered what it never does.');
}

function isOf(thrown: unknown, codes: readonly ErrorCode[]): thrown is CordonError {
  return thrown instanceof CordonError && codes.includes(thrown.code);
}

function unchecked(cause: unknown): CordonError {
  return new CordonError('CORDON_UPLOAD_UNCHECKED', 'Cannot inspect the upload: no sandbox could read it.', {
    cause,
  });
}

async function* following(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
