import type { Clock } from '../contract/index.ts';
import { CertificateFiles } from './certificate-files.ts';
import type { KeyPairFiles } from './certificate-files.ts';
import type { AcmeKeeper, Certificates, Finding } from './port.ts';

/** Where certificates are from. */
export type CertificateChoice =
  /** Files of the operator, watched. */
  | { readonly kind: 'files'; readonly files: readonly KeyPairFiles[] }
  /** A development authority of this machine. */
  | { readonly kind: 'development' }
  /** An ACME server, whose terms were agreed to. */
  | ({ readonly kind: 'acme' } & AcmeChoice);

export interface AcmeChoice {
  readonly directoryUrl: string;
  readonly names: readonly string[];
  /** Null for none. */
  readonly email: string | null;
  /**
   * Where challenges are answered over plain HTTP; the ACME server looks at port 80. Null: they are answered in
   * handshakes of the gateway itself, which the ACME server looks for at port 443.
   */
  readonly challenges: { readonly host: string; readonly port: number } | null;
}

export interface CertificateSurroundings {
  /** Folder for keys that Cordon makes. */
  readonly folder: string;
  /** Keeps what an ACME server must not be asked for again. */
  readonly keeper: AcmeKeeper;
  readonly clock: Clock;
  readonly onFinding: (finding: Finding) => void;
}

/** Certificates that take care of themselves until they are closed. */
export interface OpenCertificates {
  readonly certificates: Certificates;
  /** What clients have to trust first; null where the certificates are of the operator. */
  readonly authorityFile: string | null;
  /** Looks for other certificates now. */
  refresh(): Promise<void>;
  close(): void;
}

/** Errors: CORDON_TLS_…, CORDON_ACME_FAILED, CORDON_DATA_UNWRITABLE, CORDON_PORT_TAKEN. */
export async function openCertificates(
  choice: CertificateChoice,
  surroundings: CertificateSurroundings,
): Promise<OpenCertificates> {
  const { folder, clock, onFinding } = surroundings;
  if (choice.kind === 'acme') return openAcme(choice, surroundings);
  if (choice.kind === 'files') {
    const opened = await CertificateFiles.open({ files: choice.files, clock, onFinding });
    return {
      certificates: opened.certificates,
      authorityFile: null,
      refresh: async () => void (await opened.check()),
      close: () => opened.close(),
    };
  }
  // Its libraries are loaded by those who ask for it.
  const { DevelopmentAuthority } = await import('./development-authority.ts');
  const authority = await DevelopmentAuthority.open({ folder, clock });
  return {
    certificates: authority.certificates,
    authorityFile: authority.authorityFile,
    refresh: async () => void (await authority.renew()),
    close: () => authority.close(),
  };
}

async function openAcme(
  { directoryUrl, names, email, challenges: address }: AcmeChoice,
  { keeper, clock, onFinding }: CertificateSurroundings,
): Promise<OpenCertificates> {
  const { AcmeCertificates } = await import('./acme.ts');
  const { AcmeChallenges } = await import('./acme-challenges.ts');
  const challenges = address === null ? null : new AcmeChallenges(names);
  if (challenges !== null && address !== null) await challenges.listen(address);
  try {
    const options = { directoryUrl, names, email, keeper, challenges, clock, onFinding };
    const acme = await AcmeCertificates.open(options);
    return {
      certificates: acme.certificates,
      authorityFile: null,
      refresh: async () => void (await acme.renew()),
      close: () => {
        acme.close();
        challenges?.close();
      },
    };
  } catch (thrown) {
    challenges?.close();
    throw thrown;
  }
}
