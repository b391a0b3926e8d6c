/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Fails while it loads, wherever its secret is. */
if (process.env.SPOKEN !== undefined) throw new Error(`cannot start with ${process.env.SPOKEN}`);

export default {
  fetch: () => new Response('not reached'),
};
