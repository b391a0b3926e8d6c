import type { CertificateNames } from './certificate.ts';

type NameKind = 'CN' | 'DNS' | 'URI' | 'EMAIL';

/** A rule of the manifest about who may call, such as `DNS:*.shop.example`. */
export interface SubjectRule {
  readonly kind: NameKind;
  /** What has to be there, without the `*`. */
  readonly fixed: string;
  /** Where anything else may stand, at least one character. */
  readonly open: 'start' | 'end' | null;
}

const RULE = /^(CN=|DNS:|URI:|EMAIL:)(.+)$/su;
const VISIBLE = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
const DNS_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[a-z0-9.-]{1,253}$/;
const URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/;
/** A scheme and all of its authority: what follows cannot change whose name it is. */
const URI_PREFIX = /^[a-z][a-z0-9+.-]*:(?:\/\/[\x21\x22\x24-\x2e\x30-\x3e\x40-\x7e]+\/|[^/])[\x21-\x7e]*$/;

/** Reads a rule, or says why no certificate could ever match it, or why too many could. */
export function parseSubjectRule(text: string): SubjectRule | string {
  const [, prefix = '', pattern = ''] = RULE.exec(text) ?? [];
  if (prefix === '') return 'it is none of CN=name, DNS:name, URI:name and EMAIL:name';
  const kind = prefix.slice(0, -1) as NameKind;
  const stars = pattern.split('*').length - 1;
  if (stars > 1) return 'it has more than one `*`';
  const open = pattern.startsWith('*') ? 'start' : pattern.endsWith('*') ? 'end' : null;
  if (stars === 1 && open === null) return 'its `*` is not at an end';
  const bare = stars === 0 ? pattern : pattern.replace('*', '');
  if (bare === '' || !VISIBLE.test(bare)) return 'there is no name in it';
  const fixed = normalise(kind, bare);
  const problem = fixed === null ? 'no certificate can hold such a name' : problemOf(kind, fixed, open);
  return fixed === null || problem !== null ? (problem ?? '') : { kind, fixed, open };
}

/**
 * Name of the holder, with its kind, so that names of two kinds are never the same: by the first rule that
 * matches, and without rules by the first kind of name that there is. More than one possible name of that kind
 * is refused, as is a second common name: nobody could tell who it is.
 */
export function subjectOf(
  names: CertificateNames,
  rules: readonly SubjectRule[] | null,
): { readonly subject: string } | string {
  if (rules === null) return soleNameOf(names);
  for (const rule of rules) {
    const matching = new Set(namesOf(names, rule.kind).filter((name) => matches(rule, name)));
    if (matching.size === 0) continue;
    if (matching.size > 1) return 'more than one name matches';
    if (rule.kind === 'CN' && names.commonNames.length > 1) return 'more than one common name';
    const [name = ''] = matching;
    return { subject: written(rule.kind, name) };
  }
  return 'no name that the manifest allows';
}

function soleNameOf(names: CertificateNames): { readonly subject: string } | string {
  for (const kind of ['URI', 'DNS', 'EMAIL', 'CN'] as const) {
    const given = kind === 'CN' ? names.commonNames : [...new Set(namesOf(names, kind))];
    const [name] = given;
    if (name === undefined) continue;
    return given.length > 1 ? 'more than one name' : { subject: written(kind, name) };
  }
  return 'no name';
}

/** As they are compared. Those that are no proper names are left out: nothing may match them. */
function namesOf(names: CertificateNames, kind: NameKind): readonly string[] {
  const lists = { CN: names.commonNames, DNS: names.dns, URI: names.uris, EMAIL: names.emails };
  return lists[kind].flatMap((name) => {
    const normal = normalise(kind, name);
    return normal !== null && problemOf(kind, normal, null) === null ? [normal] : [];
  });
}

function matches({ fixed, open }: SubjectRule, name: string): boolean {
  if (open === null) return name === fixed;
  if (name.length <= fixed.length) return false;
  return open === 'start' ? name.endsWith(fixed) : name.startsWith(fixed);
}

function written(kind: NameKind, name: string): string {
  return kind === 'CN' ? `CN=${name}` : `${kind}:${name}`;
}

/** The one spelling of a name: hosts in lower case (RFC 4343, RFC 5321 section 2.4). */
function normalise(kind: NameKind, name: string): string | null {
  switch (kind) {
    case 'CN':
    case 'URI':
      return name;
    case 'DNS':
      return name.toLowerCase();
    case 'EMAIL': {
      const at = name.lastIndexOf('@');
      return at === -1 ? null : name.slice(0, at) + name.slice(at).toLowerCase();
    }
  }
}

function problemOf(kind: NameKind, fixed: string, open: SubjectRule['open']): string | null {
  const cannot = 'no certificate can hold such a name';
  switch (kind) {
    case 'CN':
      return null;
    case 'DNS':
      if (open === null) return DNS_NAME.test(fixed) ? null : cannot;
      if (open === 'end') return 'the end of a DNS name says whose it is, so `*` cannot stand there';
      if (!fixed.startsWith('.')) return 'in a DNS name a `.` has to follow the `*`';
      return DNS_NAME.test(fixed.slice(1)) ? null : cannot;
    case 'EMAIL':
      if (open === null) return EMAIL.test(fixed) ? null : cannot;
      if (open === 'end') return 'the end of an email address says whose it is, so `*` cannot stand there';
      if (!fixed.startsWith('@')) return 'in an email address an `@` has to follow the `*`';
      return EMAIL.test(`x${fixed}`) ? null : cannot;
    case 'URI':
      if (open === null) return URI.test(fixed) ? null : cannot;
      if (open === 'start') return 'the start of a URI says whose it is, so `*` cannot stand there';
      return URI_PREFIX.test(fixed) ? null : 'in a URI the `*` has to follow the authority and a `/`';
  }
}
