const make = (() => {}).constructor;
export default {
  async fetch(request) {
    setTimeout('globalThis.x = 1', 10); //~ ?? code-generated
    return new Response(make(await request.text())()); //~ ?? code-generated
  },
};
