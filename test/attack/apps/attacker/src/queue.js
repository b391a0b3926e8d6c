/* oxlint-disable -- hostile code */
export default {
  async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return new Response('served\n');
  },
};
