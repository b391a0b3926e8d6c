import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate for localhost and 127.0.0.1 that nobody has signed but itself. Needs `openssl`. */
export function makeCertificate(): { readonly key: string; readonly certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-certificate-'));
  try {
    const { status, stderr } = spawnSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', join(folder, 'key'), '-out', join(folder, 'certificate')],
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`openssl failed: ${stderr}`);
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return { key: read('key'), certificate: read('certificate') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
