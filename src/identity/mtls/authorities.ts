import { X509Certificate } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { MtlsSpec } from '../../manifest/index.ts';
import { loadCertificateReader } from './certificate.ts';
import type { CertificateFacts, CertificateReader } from './certificate.ts';
import { timeProblem } from './path.ts';
import { parseSubjectRule } from './subject.ts';
import type { SubjectRule } from './subject.ts';

const BOUNDARY = /^-----(BEGIN|END) ([A-Z0-9 ]+)-----\s*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const LABELS: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);

/** What an authenticator by certificates needs. */
export interface MtlsRules {
  readonly authorities: readonly CertificateFacts[];
  /** Null: every certificate of the authorities. */
  readonly subjects: readonly SubjectRule[] | null;
  readonly read: CertificateReader;
}

interface MtlsSource {
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: MtlsSpec;
  /** Text of the file that `spec.ca` names; undefined when it is not there. */
  readonly pem: string | undefined;
}

/** Reads what the manifest says. Errors: CORDON_AUTH_INVALID with the file, or the rule, and the reason. */
export async function readMtlsRules({ name, spec, pem }: MtlsSource): Promise<MtlsRules> {
  const read = await loadCertificateReader();
  const authorities = readAuthorities(spec.ca, name, pem ?? '', read);
  const subjects =
    spec.subjects?.map((text, index) => {
      const rule = parseSubjectRule(text);
      if (typeof rule !== 'string') return rule;
      throw new CordonError(
        'CORDON_AUTH_INVALID',
        `Cannot use the subject ${JSON.stringify(text)}: ${rule}.`,
        {
          details: { path: `auth.mtls.${name}.subjects.${index}`, reason: rule },
        },
      );
    }) ?? null;
  return { authorities, subjects, read };
}

/**
 * For a deployment: the same, and an authority that has expired is refused as well, while a deployment that
 * is live goes on without it. Errors: CORDON_AUTH_INVALID.
 */
export async function checkMtls(source: MtlsSource, now: number): Promise<void> {
  const { authorities } = await readMtlsRules(source);
  for (const facts of authorities) {
    if (facts.notAfter < now) throw invalid(source.spec.ca, source.name, describe(facts, 'expired'));
  }
  if (authorities.every((facts) => timeProblem(facts, now) !== null))
    throw invalid(source.spec.ca, source.name, 'none of its certificates is in force yet');
}

function readAuthorities(
  file: string,
  name: string,
  pem: string,
  read: CertificateReader,
): readonly CertificateFacts[] {
  const blocks = pemBlocks(pem);
  if (typeof blocks === 'string') throw invalid(file, name, blocks);
  const authorities = blocks.map((block, index) => {
    const facts = readAuthority(block, read);
    if (typeof facts !== 'string') return facts;
    throw invalid(file, name, `certificate ${index + 1} is not usable: ${facts}`);
  });
  return authorities;
}

function readAuthority(base64: string, read: CertificateReader): CertificateFacts | string {
  if (!BASE64.test(base64)) return 'malformed';
  const der = Buffer.from(base64, 'base64');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return 'malformed';
  }
  if (certificate.raw.byteLength !== der.byteLength) return 'something follows it';
  const facts = read(certificate);
  if (typeof facts === 'string') return facts;
  if (!facts.isAuthority) return 'it is not one of an authority';
  return facts.usage !== null && !facts.usage.issues ? 'it is not for issuing certificates' : facts;
}

/** The certificates of a file in base64; text around them is a comment (RFC 7468 section 5.2). Or why it is not usable. */
function pemBlocks(pem: string): readonly string[] | string {
  const blocks: string[] = [];
  let open: { readonly label: string; readonly lines: string[] } | null = null;
  for (const line of pem.split('\n')) {
    const [, edge, label = ''] = BOUNDARY.exec(line) ?? [];
    if (edge === undefined) {
      open?.lines.push(line);
      continue;
    }
    if (label.includes('PRIVATE KEY')) return 'it holds a private key, which belongs to no app';
    if (!LABELS.has(label)) return `it holds a ${label.toLowerCase()}`;
    if ((edge === 'BEGIN') !== (open === null) || (open !== null && open.label !== label))
      return 'a certificate in it does not end where the next one begins';
    if (open === null) open = { label, lines: [] };
    else {
      blocks.push(open.lines.map((text) => text.trim()).join(''));
      open = null;
    }
  }
  if (open !== null) return 'the last certificate in it does not end';
  if (blocks.length === 0) return 'there is no certificate (PEM) in it';
  const most = LIMITS.mtlsAuthoritiesMax.value;
  return blocks.length > most ? `it holds more than ${most} certificates` : blocks;
}

function describe({ certificate }: CertificateFacts, what: string): string {
  return `${certificate.subject.replaceAll('\n', ', ')} ${what} on ${certificate.validTo}`;
}

function invalid(file: string, name: string, reason: string): CordonError {
  return new CordonError('CORDON_AUTH_INVALID', `Cannot use the authorities in ${file}: ${reason}.`, {
    details: { path: `auth.mtls.${name}.ca`, file, reason },
  });
}
