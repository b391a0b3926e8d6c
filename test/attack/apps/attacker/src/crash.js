/* oxlint-disable -- hostile code */
const SECRET = 'db-password-4711 at 10.0.0.7';
class Odd extends Error {
  get stack() {
    return `at ${SECRET}`;
  }
  toString() {
    return SECRET;
  }
}
const CRASHES = {
  throw: () => {
    throw new Error(SECRET);
  },
  reject: async () => {
    await 1;
    throw new TypeError(SECRET, { cause: new Error(SECRET) });
  },
  text: () => {
    throw SECRET;
  },
  odd: () => {
    throw new Odd(SECRET);
  },
  nothing: () => {
    throw undefined;
  },
  proxy: () => {
    throw new Proxy(new Error(SECRET), {
      get: () => {
        throw new Error(SECRET);
      },
    });
  },
  undefined: () => undefined,
  null: () => null,
  symbol: () => Symbol(SECRET),
  used: async () => {
    const response = new Response(SECRET);
    await response.text();
    return response;
  },
  overflow: () => CRASHES.overflow(),
  fine: () => new Response('fine\n'),
};
export default {
  fetch(request) {
    return CRASHES[new URL(request.url).pathname.split('/').pop()]();
  },
};
