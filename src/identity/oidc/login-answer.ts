import type { ErrorCode } from '../../contract/index.ts';

type Fields = readonly (readonly [name: string, value: string])[];

/** What a request to a path of a login is answered with. It has no body of its own. */
export type LoginAnswer =
  | { readonly ok: true; readonly status: 303; readonly fields: Fields }
  /** The answer is the code's. `reason` is for the operator alone. */
  | { readonly ok: false; readonly code: ErrorCode; readonly reason: string; readonly fields: Fields };

/** Neither kept by anyone nor named to the next page. */
const PRIVATE: Fields = [
  ['cache-control', 'no-store'],
  ['referrer-policy', 'no-referrer'],
];

export function redirect(location: string, cookies: readonly string[]): LoginAnswer {
  const fields: Fields = [
    ['location', location],
    ...PRIVATE,
    ...cookies.map((cookie) => ['set-cookie', cookie] as const),
  ];
  // 303: whatever the method was, the next request is a GET (RFC 9110 section 15.4.4).
  return { ok: true, status: 303, fields };
}

export function refusedLogin(code: ErrorCode, reason: string, fields: Fields = []): LoginAnswer {
  return { ok: false, code, reason, fields: [...PRIVATE, ...fields] };
}
