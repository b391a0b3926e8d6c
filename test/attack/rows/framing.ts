import type { Row } from '../row.ts';
import { rawRequest } from '../raw-http.ts';
import { smuggleHttp2 } from './http2-smuggling.ts';

const HEAD = 'POST /victim/open/framing HTTP/1.1\r\nHost: a\r\n';
const HIDDEN = 'GET /victim/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const CHUNKED_END = '0\r\n\r\n';

/** Messages that two servers could cut in two ways, each with a request hidden behind it. */
const MESSAGES: Readonly<Record<string, string>> = {
  'CL.TE': `${HEAD}Content-Length: ${CHUNKED_END.length + HIDDEN.length}\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE.CL': `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n${CHUNKED_END}`,
  'TE.TE': `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE twice in a list': `${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE gzip, chunked': `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE unknown': `${HEAD}Transfer-Encoding: xchunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE with a tab': `${HEAD}Transfer-Encoding:\u000bchunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE with a space before the colon': `${HEAD}Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE quoted': `${HEAD}Transfer-Encoding: "chunked"\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'TE in HTTP/1.0': `${HEAD.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'obs-fold': `${HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'obs-fold in another field': `${HEAD}X-A: b\r\n Content-Length: 5\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'bare LF in the head': `POST /victim/open/framing HTTP/1.1\nHost: a\nContent-Length: 0\n\n${HIDDEN}`,
  'bare LF before a field': `${HEAD}X-A: b\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'bare CR': `${HEAD}X-A: b\rTransfer-Encoding: chunked\r\n\r\n${CHUNKED_END}${HIDDEN}`,
  'NUL in a field': `${HEAD}X-A: b\u0000c\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'Content-Length twice': `${HEAD}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'Content-Length twice alike': `${HEAD}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'Content-Length as a list': `${HEAD}Content-Length: 0, 0\r\n\r\n${HIDDEN}`,
  'Content-Length signed': `${HEAD}Content-Length: +0\r\n\r\n${HIDDEN}`,
  'Content-Length negative': `${HEAD}Content-Length: -1\r\n\r\n${HIDDEN}`,
  'Content-Length in hex': `${HEAD}Content-Length: 0x0\r\n\r\n${HIDDEN}`,
  'Content-Length with a space': `${HEAD}Content-Length: 1 0\r\n\r\n${HIDDEN}`,
  'Content-Length empty': `${HEAD}Content-Length:\r\n\r\n${HIDDEN}`,
  'Content-Length beyond 64 bits': `${HEAD}Content-Length: 18446744073709551617\r\n\r\n${HIDDEN}`,
  'chunk size with a sign': `${HEAD}Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n${HIDDEN}`,
  'chunk size in 0x': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${HIDDEN}`,
  'chunk size beyond 64 bits': `${HEAD}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n${HIDDEN}`,
  'chunk with a bare LF': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\n\n${HIDDEN}`,
  'chunk without its CRLF': `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n${HIDDEN}`,
  'chunk extension with a bare LF': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n${HIDDEN}`,
  'Host twice': `POST /victim/open/framing HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'no Host': `POST /victim/open/framing HTTP/1.1\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'space in the target': `POST /victim/open/framing x HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`,
  'HTTP/0.9': `POST /victim/open/framing\r\n\r\n${HIDDEN}`,
  'HTTP/2.0': `${HEAD.replace('1.1', '2.0')}Content-Length: 0\r\n\r\n${HIDDEN}`,
  'HTTP/1.9': `${HEAD.replace('1.1', '1.9')}Content-Length: 0\r\n\r\n${HIDDEN}`,
  'h2c preface': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
};

const smuggling: Row = {
  id: 'A6',
  title: 'request smuggling: CL.TE, TE.CL, TE.TE, obs-fold, bare LF, duplicate Content-Length, by HTTP/2',
  event: ['request.malformed'],
  async attack(stage, verdict) {
    const names = Object.keys(MESSAGES);
    for (const [name, message] of Object.entries(MESSAGES)) {
      const before = await stage.victimHits();
      const { statuses, closed } = await stage.raw(message, { waitMs: 1000 });
      const { hits } = await stage.victimHits();
      const reached = hits.slice(before.hits.length);
      verdict.expect(
        statuses[0] === 400 || (statuses[0] === 501 && name.startsWith('TE')),
        `${name}: ${statuses.join()}`,
      );
      verdict.expect(closed, `${name}: the connection stays open`);
      verdict.unharmed(reached.length <= 1, `${name}: ${reached.length} requests reached the function`);
      verdict.unharmed(
        !reached.some((hit) => hit.includes('smuggled')),
        `${name}: the hidden request was served`,
      );
    }
    verdict.note(`${names.length} messages`);
    await smuggleHttp2(stage, verdict);
  },
  async twin(stage) {
    const plain = `${HEAD}Content-Length: 3\r\n\r\nabc`;
    const chunked = `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    const last = 'GET /victim/open/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const { statuses } = await rawRequest(stage.gateway, plain + chunked + last);
    if (statuses.join() !== '200,200,200')
      throw new Error(`well-formed messages in a row: ${statuses.join()}`);
  },
};

export const FRAMING_ROWS: readonly Row[] = [smuggling];
