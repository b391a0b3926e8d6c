import { METHODS } from './route.ts';
import { AUTH_KINDS } from './auth.ts';
import type { Document, Path } from './document.ts';
import type { ManifestProblem } from './problem.ts';
import type { ParsedManifest } from './schema.ts';
import { nearest } from './suggest.ts';

type ParsedRoute = NonNullable<ParsedManifest['functions'][string]['routes']>[number];

const PARAMETER = /^:[A-Za-z][A-Za-z0-9_]*$/;
const PLACEHOLDER = /\{([^{}]*)\}/g;

/** Checks what a schema cannot say about the routes of an app: that they are distinct and that what they name exists. */
export function checkRoutes(document: Document, manifest: ParsedManifest): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const claimed = new Map<string, Path>();
  for (const [name, fn] of Object.entries(manifest.functions)) {
    for (const [index, route] of (fn.routes ?? []).entries()) {
      const place: Path = ['functions', name, 'routes', index];
      problems.push(
        ...checkPath(document, [...place, 'path'], route.path),
        ...checkAuth(document, place, route, manifest),
        ...checkCounting(document, place, route),
        ...checkResource(document, place, route),
        ...checkCors(document, place, route),
        ...checkDelivery(document, place, route),
      );
      const twice = claim(claimed, place, route.path, route.methods ?? METHODS);
      if (twice !== null) {
        const got = `${twice.method} ${route.path} twice: line ${document.problem(twice.path, '', '', null).line} has it already`;
        problems.push(document.problem([...place, 'path'], 'each path and method once in an app', got, null));
      }
    }
  }
  return problems;
}

/** Exactly one authenticator, which the section `auth` has, and scopes that its keys can have. */
function checkAuth(
  document: Document,
  place: Path,
  { auth }: ParsedRoute,
  manifest: ParsedManifest,
): ManifestProblem[] {
  if (typeof auth === 'string') return [];
  const path: Path = [...place, 'auth'];
  const given = AUTH_KINDS.filter((kind) => auth[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    const got = kind === undefined ? 'none' : given.join(' and ');
    return [document.problem(path, `exactly one of ${AUTH_KINDS.join(', ')}`, got, null)];
  }
  const known = Object.keys(manifest.auth?.[kind] ?? {});
  const name = auth[kind] ?? '';
  if (!known.includes(name)) {
    const near = nearest(name, known);
    const expected = `the name of an authenticator in \`auth.${kind}\``;
    return [document.problem([...path, kind], expected, `"${name}"`, near === null ? null : `"${near}"`)];
  }
  if (kind !== 'apiKey' || auth.scopes === undefined) return [];
  const scopes = manifest.auth?.apiKey?.[name]?.scopes ?? [];
  return auth.scopes
    .filter((scope) => !scopes.includes(scope))
    .map((scope) => {
      const near = nearest(scope, scopes);
      return document.problem(
        [...path, 'scopes'],
        `a scope that \`auth.apiKey.${name}\` lists`,
        `"${scope}"`,
        near === null ? null : `"${near}"`,
      );
    });
}

/** Callers of a public route have no subject and no key. */
function checkCounting(document: Document, place: Path, route: ParsedRoute): ManifestProblem[] {
  if (route.auth !== 'public') return [];
  const problems: ManifestProblem[] = [];
  for (const key of ['rate', 'concurrency'] as const) {
    const texts = [route[key] ?? []].flat();
    for (const text of texts) {
      if (!/ per (?:subject|key)\b/.test(text)) continue;
      const expected = 'per address, route or project, as the callers of a public route are not known';
      problems.push(document.problem([...place, key], expected, `"${text}"`, null));
    }
  }
  return problems;
}

function checkResource(document: Document, place: Path, route: ParsedRoute): ManifestProblem[] {
  if (route.allow === undefined || typeof route.allow === 'string') return [];
  const { resource } = route.allow;
  if (resource === undefined) return [];
  const names = route.path.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : []));
  const known = names.map((name) => `params.${name}`);
  const texts: [Path, string][] = [[[...place, 'allow', 'resource', 'id'], resource.id]];
  if (resource.from !== undefined)
    texts.push([[...place, 'allow', 'resource', 'from', 'key'], resource.from.key]);
  return texts.flatMap(([path, text]) =>
    [...text.matchAll(PLACEHOLDER)].flatMap(([, inside = '']) => {
      if (known.includes(inside)) return [];
      const near = nearest(inside, known);
      const expected =
        known.length === 0 ? 'no placeholder, as the path has no parameter' : `{${known.join('} or {')}}`;
      return [document.problem(path, expected, `"{${inside}}"`, near === null ? null : `"{${near}}"`)];
    }),
  );
}

function checkCors(document: Document, place: Path, { cors }: ParsedRoute): ManifestProblem[] {
  if (cors?.credentials !== true || !cors.origins.includes('*')) return [];
  const expected = 'the origins by name, as cookies are never for every origin';
  return [document.problem([...place, 'cors', 'origins'], expected, '"*" with credentials', null)];
}

/** What has no meaning where no code of the function sees the request. */
const WITHOUT_DELIVERY = ['body', 'cors', 'securityHeaders'] as const;

/** An event sets a function off later, without a caller: nobody may be able to forge one, and it is sent in one way. */
function checkDelivery(document: Document, place: Path, route: ParsedRoute): ManifestProblem[] {
  const { auth, deliver, methods } = route;
  if (deliver === undefined) return [];
  const problems: ManifestProblem[] = [];
  const named = typeof auth === 'string' ? null : auth;
  if (auth === 'public') {
    const expected = 'an authenticator, as an event that anybody can send can be forged';
    problems.push(document.problem([...place, 'auth'], expected, '"public"', null));
  } else if (deliver === 'webhook' && named?.webhook === undefined) {
    const expected = 'an authenticator of `auth.webhook`, whose sender signs what it delivers';
    problems.push(document.problem([...place, 'auth'], expected, 'another', null));
  }
  if (methods?.length !== 1 || methods[0] !== 'POST') {
    const got = methods === undefined ? 'all methods' : methods.join(', ');
    const path: Path = methods === undefined ? [...place, 'deliver'] : [...place, 'methods'];
    problems.push(document.problem(path, 'methods ["POST"], as events are posted', got, null));
  }
  for (const key of WITHOUT_DELIVERY) {
    if (route[key] === undefined) continue;
    const expected = 'nothing, as the function does not answer a route with `deliver`';
    problems.push(document.problem([...place, key], expected, `\`${key}\``, null));
  }
  return problems;
}

function checkPath(document: Document, place: Path, pattern: string): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const seen = new Set<string>();
  for (const segment of pattern.split('/')) {
    if (!segment.startsWith(':')) continue;
    if (!PARAMETER.test(segment)) {
      const expected = 'a parameter such as ":id" of letters, digits and underscores';
      problems.push(document.problem(place, expected, `"${segment}"`, null));
    }
    if (seen.has(segment)) {
      problems.push(document.problem(place, 'each parameter once', `"${segment}" twice`, null));
    }
    seen.add(segment);
  }
  return problems;
}

/** Notes who serves a path; returns the place that had it before. Names of parameters make no difference. */
function claim(claimed: Map<string, Path>, place: Path, pattern: string, methods: readonly string[]) {
  const shape = pattern.replace(/(?<=\/):[^/]+/g, ':');
  let twice: { method: string; path: Path } | null = null;
  for (const method of new Set(methods)) {
    const before = claimed.get(`${method} ${shape}`);
    if (before === undefined) claimed.set(`${method} ${shape}`, place);
    else twice ??= { method, path: before };
  }
  return twice;
}
