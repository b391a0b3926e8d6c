import { LIMITS } from '../contract/index.ts';
import { CronTimes, isTimeZone, timeZones } from './cron.ts';
import type { Document, Path } from './document.ts';
import type { ParsedSource } from './on.ts';
import { resolveSource } from './on.ts';
import type { ManifestProblem } from './problem.ts';
import type { ParsedManifest } from './schema.ts';
import type { CronSource, PipeSource, SourceSpec } from './sources.ts';
import { nearest } from './suggest.ts';

interface Place {
  readonly document: Document;
  readonly manifest: ParsedManifest;
  readonly function: string;
  /** Of the source. */
  readonly path: Path;
}

/** Checks what a schema cannot say about the sources of an app: that each is there once, can fire and is sent something. */
export function checkSources(document: Document, manifest: ParsedManifest): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const claimed = new Map<string, Path>();
  for (const [name, fn] of Object.entries(manifest.functions)) {
    for (const [index, parsed] of (fn.on ?? []).entries()) {
      const place: Place = { document, manifest, function: name, path: ['functions', name, 'on', index] };
      const source = resolveSource(parsed);
      problems.push(
        ...checkBackoff(place, parsed),
        ...(source.kind === 'cron' ? checkCron(place, source) : []),
        ...(source.kind === 'pipe' ? checkPipe(place, source) : []),
        ...checkOnce(place, source, claimed),
      );
    }
  }
  return problems;
}

function checkBackoff({ document, path }: Place, { backoff, backoffMax }: ParsedSource): ManifestProblem[] {
  if (backoff === undefined || backoffMax === undefined || backoff <= backoffMax) return [];
  const expected = 'at least as long a time as `backoff`';
  const at = [...path, 'backoffMax'];
  return [document.problem(at, expected, document.describe(at), null)];
}

function checkCron({ document, path }: Place, { expression, timezone }: CronSource): ManifestProblem[] {
  if (!isTimeZone(timezone)) {
    const near = nearest(timezone, timeZones());
    const suggestion = near === null ? null : `"${near}"`;
    const expected = 'an IANA time zone such as "Europe/Berlin"';
    return [document.problem([...path, 'timezone'], expected, JSON.stringify(timezone), suggestion)];
  }
  try {
    if (new CronTimes(expression, timezone).fires()) return [];
    const expected = `a time that comes within ${LIMITS.cronHorizonYears.value} years`;
    return [document.problem([...path, 'cron'], expected, JSON.stringify(expression), null)];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [document.problem([...path, 'cron'], error.message, JSON.stringify(expression), null)];
  }
}

/** A pipe leads from another function of the app, which is granted to send what is asked for. */
function checkPipe(place: Place, { from, types }: PipeSource): ManifestProblem[] {
  const { document, manifest, path } = place;
  const at = [...path, 'pipe'];
  if (from === place.function) {
    return [document.problem(at, 'another function than this one', `"${from}"`, null)];
  }
  const sender = Object.hasOwn(manifest.functions, from) ? manifest.functions[from] : undefined;
  if (sender === undefined) {
    const near = nearest(from, Object.keys(manifest.functions));
    const suggestion = near === null ? null : `"${near}"`;
    return [document.problem(at, 'a function of this app', `"${from}"`, suggestion)];
  }
  const sent = Object.values(sender.grants?.pipe ?? {}).flatMap((grant) => grant.types);
  if (sent.length === 0) {
    const expected = `a function with a grant \`pipe\`: add one to functions.${from}.grants`;
    return [document.problem(at, expected, `"${from}", which has none`, null)];
  }
  return (types ?? []).flatMap((type, index) => {
    if (sent.includes(type)) return [];
    const near = nearest(type, sent);
    const expected = `a type that functions.${from}.grants.pipe lists`;
    const suggestion = near === null ? null : `"${near}"`;
    return [document.problem([...path, 'types', index], expected, `"${type}"`, suggestion)];
  });
}

/** A queue has one consumer; a function has each other source once, as its events wait in one place. */
function checkOnce(
  { document, function: fn, path }: Place,
  source: SourceSpec,
  claimed: Map<string, Path>,
): ManifestProblem[] {
  const { key, expected, shown } = identityOf(fn, source);
  const before = claimed.get(key);
  if (before === undefined) {
    claimed.set(key, path);
    return [];
  }
  const got = `${shown} twice: line ${document.problem(before, '', '', null).line} has it already`;
  const field = source.kind === 'upload' && source.prefix !== '' ? 'prefix' : source.kind;
  return [document.problem([...path, field], expected, got, null)];
}

function identityOf(fn: string, source: SourceSpec) {
  switch (source.kind) {
    case 'queue':
      return {
        key: `queue:${source.queue}`,
        expected: 'one consumer for each queue: send to two queues where two functions want a message',
        shown: `"${source.queue}"`,
      };
    case 'upload':
      return {
        key: `${fn} upload:${source.bucket}/${source.prefix}`,
        expected: 'each prefix of a bucket once in a function: put the types into one source',
        shown: `"${source.bucket}" with the prefix "${source.prefix}"`,
      };
    case 'cron':
      return {
        key: `${fn} cron:${source.expression} ${source.timezone}`,
        expected: 'each schedule once in a function',
        shown: `"${source.expression}"`,
      };
    case 'pipe':
      return {
        key: `${fn} pipe:${source.from}`,
        expected: 'each pipe once in a function: put the types into one source',
        shown: `"${source.from}"`,
      };
  }
}
