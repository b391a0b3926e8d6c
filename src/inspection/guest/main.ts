/**
 * What reads the bytes of uploads: a function like any other, in a sandbox without grants, whose handler gets a
 * file and answers what it found. What it says is data of a hostile file until the host has judged it.
 */
import { inspectArchive } from './archive.ts';
import type { Bounds } from './budget.ts';
import { NO_TEXT, isPlain, sniff, whole } from './sniff.ts';
import type { Sniffed } from './sniff.ts';
import { TextCheck } from './text.ts';

// oxlint-disable-next-line no-default-export -- the form of a function's module
export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    return Response.json(await answer(pathname, searchParams, request));
  },
};

async function answer(path: string, query: URLSearchParams, request: Request): Promise<Sniffed> {
  const size = Number(query.get('bytes'));
  if (path === '/text') return readText(query.get('type') ?? '', request);
  const bytes = await readAll(request, size);
  if (path === '/archive') return inspectArchive(bytes, JSON.parse(query.get('bounds') ?? '{}') as Bounds);
  if (path === '/whole') return whole(query.get('type') ?? '', bytes);
  const head = bytes.subarray(0, Number(query.get('head')));
  const isWhole = head.length === size && query.get('whole') === 'true';
  return sniff(head, isWhole ? bytes : bytes.subarray(head.length), isWhole);
}

async function readText(type: string, request: Request): Promise<Sniffed> {
  const check = new TextCheck();
  for await (const chunk of chunksOf(request)) check.add(chunk);
  return { type, needs: 'nothing', problem: check.end() && isPlain(type) ? null : NO_TEXT };
}

/** All of the body, in memory that is taken once. */
async function readAll(request: Request, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of chunksOf(request)) {
    bytes.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled !== size) throw new Error('The file was cut off.');
  return bytes;
}

async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  for await (const chunk of request.body) yield chunk as Uint8Array;
}
