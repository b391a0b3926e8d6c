const AsyncFunction = Object.getPrototypeOf(async function () {}).constructor;
export default {
  async fetch(request) {
    return new Response(await new AsyncFunction(await request.text())()); //~ ?? code-generated
  },
};
