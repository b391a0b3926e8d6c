import { scopeText } from '../../aws/index.ts';
import type { AwsScope } from '../../aws/index.ts';

/**
 * The regions that a client may name where nothing else is configured. There is one place only, so the region
 * says nothing; but clients have to name one: `cordon` in what Cordon prints, `us-east-1` because clients fall
 * back to it, and `auto` because those that are set up for R2 send it. Any other is a client that is meant for
 * another service.
 */
export const S3_REGIONS: readonly string[] = ['cordon', 'us-east-1', 'auto'];

const CREDENTIAL = /^([A-Za-z0-9]{1,128})\/(\d{8})\/([a-z0-9-]{1,64})\/s3\/aws4_request$/;
const TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Whose signature, and in what scope. */
export interface Credential {
  readonly keyId: string;
  readonly scope: AwsScope;
}

/** Reads `<key>/<date>/<region>/s3/aws4_request`. Returns null for anything else. */
export function parseCredential(text: string): Credential | null {
  const [, keyId, date, region] = CREDENTIAL.exec(text) ?? [];
  if (keyId === undefined || date === undefined || region === undefined) return null;
  return { keyId, scope: { date, region, service: 's3' } };
}

export function credentialText({ keyId, scope }: Credential): string {
  return `${keyId}/${scopeText(scope)}`;
}

/** Milliseconds since the epoch of `20130524T000000Z`; null for what is no such time. */
export function parseAwsTime(text: string): number | null {
  const parts = TIME.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? null : time;
}
