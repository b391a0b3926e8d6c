/* oxlint-disable -- untyped on purpose: deployed as it is */
export default {
  fetch() {
    return new Response('pong\n');
  },
};
