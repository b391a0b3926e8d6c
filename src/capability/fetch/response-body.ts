import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { RedactionStream } from '../secret/index.ts';
import type { Exchange } from './exchange.ts';

/** Where the bytes of an answer go. */
export interface BodySink {
  /** False: wait for `resume`. */
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** The body broke off, with whatever broke it. */
  fail(thrown: unknown): void;
}

export interface ResponseBodyOptions {
  readonly source: Exchange;
  readonly decoders: readonly Transform[];
  readonly redaction: RedactionStream;
  readonly sink: BodySink;
}

/** Decodes, counts and redacts the body of an answer on its way to the guest, no faster than the guest reads. */
export class ResponseBody {
  readonly #source: Exchange;
  /** What is paused and resumed: the last decoder, or the source itself. */
  readonly #decoded: Pick<Readable, 'pause' | 'resume'> | Exchange;
  readonly #redaction: RedactionStream;
  readonly #sink: BodySink;
  #received = 0;
  #passed = 0;
  #over = false;

  constructor({ source, decoders, redaction, sink }: ResponseBodyOptions) {
    this.#source = source;
    this.#redaction = redaction;
    this.#sink = sink;
    const last = decoders.at(-1);
    this.#decoded = last ?? source;
    if (last === undefined) {
      source.take({
        data: (chunk) => this.#take(chunk, false),
        end: () => this.#end(),
        fail: (thrown) => this.#fail(thrown),
      });
      return;
    }
    pipeline([this.#readable(), ...decoders], (error) => {
      if (error) this.#fail(error);
    });
    last.on('data', (chunk: Buffer) => this.#take(chunk, true));
    last.on('end', () => this.#end());
  }

  /** The sink takes bytes again. */
  resume(): void {
    this.#decoded.resume();
  }

  /** Nobody wants the rest. */
  cancel(): void {
    this.#over = true;
    this.#source.cancel();
  }

  /** The source as decoders take it. */
  #readable(): Readable {
    const readable = new Readable({ read: () => this.#source.resume() });
    this.#source.take({
      data: (chunk) => {
        this.#received += chunk.byteLength;
        if (!readable.push(chunk)) this.#source.pause();
      },
      end: () => readable.push(null),
      fail: (thrown) => readable.destroy(thrown),
    });
    return readable;
  }

  #take(chunk: Buffer, decoded: boolean): void {
    if (this.#over) return;
    this.#passed += chunk.byteLength;
    if (this.#passed > LIMITS.egressBodyBytesMax.value || (decoded && this.#isBomb())) {
      this.#fail(
        new CordonError('CORDON_EGRESS_TOO_LARGE', 'The body of the answer is larger than allowed.'),
      );
      return;
    }
    const bytes = this.#redaction.push(chunk);
    if (bytes.byteLength > 0 && !this.#sink.write(bytes)) this.#decoded.pause();
  }

  #isBomb(): boolean {
    return (
      this.#passed > LIMITS.egressUnpackFreeBytes.value &&
      this.#passed > this.#received * LIMITS.egressUnpackRatioMax.value
    );
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    const rest = this.#redaction.flush();
    if (rest.byteLength > 0) this.#sink.write(rest);
    this.#sink.end();
  }

  #fail(thrown: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#source.cancel();
    this.#sink.fail(thrown);
  }
}
