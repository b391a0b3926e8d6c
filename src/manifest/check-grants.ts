import { parseTcpService, parseUrlPattern } from './destination.ts';
import type { Document, Path } from './document.ts';
import type { ManifestProblem } from './problem.ts';
import type { ParsedManifest } from './schema.ts';

type ParsedGrants = NonNullable<ParsedManifest['functions'][string]['grants']>;

const URL_PATTERN =
  'a URL pattern such as "https://api.example.com/v1/*": http or https, a host or "*." and a host, perhaps a port and a path, and no user, query or fragment';
const TCP_SERVICE = 'the host and port of one service, such as "db.example.com:5432"';

/** Checks that the destinations of grants can be reached at all: one that matches nothing would grant nothing, in silence. */
export function checkDestinations(document: Document, manifest: ParsedManifest): ManifestProblem[] {
  return Object.entries(manifest.functions).flatMap(([name, { grants }]) =>
    grants === undefined ? [] : checkGrants(document, ['functions', name, 'grants'], grants),
  );
}

function checkGrants(document: Document, place: Path, { fetch = [], connect = [] }: ParsedGrants) {
  const problems: ManifestProblem[] = [];
  for (const [index, { to }] of fetch.entries()) {
    if (parseUrlPattern(to) !== null) continue;
    const path = [...place, 'fetch', index, 'to'];
    problems.push(document.problem(path, URL_PATTERN, document.describe(path), suggestPattern(to)));
  }
  for (const [index, { to }] of connect.entries()) {
    if (parseTcpService(to) !== null) continue;
    const path = [...place, 'connect', index, 'to'];
    problems.push(document.problem(path, TCP_SERVICE, document.describe(path), null));
  }
  return problems;
}

/** The same with a scheme, and without what a pattern cannot have; null when that is none either. */
function suggestPattern(text: string): string | null {
  const bare = text
    .replace(/^(?:https?|\*)?[:/]*/, '')
    .replace(/[?#].*$/s, '')
    .replace(/^[^/@]*@/, '');
  const pattern = `https://${bare}`;
  return parseUrlPattern(pattern) === null ? null : JSON.stringify(pattern);
}
