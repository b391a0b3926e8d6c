const { fetch: get } = globalThis;
const client = { send: fetch, base: 'https://c.example.com/' };
class Api {
  constructor(transport = fetch) {
    this.transport = transport;
  }
  load(path) {
    return this.transport(`https://d.example.com/${path}`); //~ fetch GET https://d.example.com/p
  }
}
export default {
  async fetch() {
    await get('https://b.example.com/'); //~ fetch GET https://b.example.com/
    await client.send(client.base); //~ fetch GET https://c.example.com/
    return new Api().load('p');
  },
};
