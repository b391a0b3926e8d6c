export default {
  async fetch(request) {
    const path = new URL('https://a.example.com/x');
    path.pathname = `/y/${request.headers.get('id')}`;
    await fetch(path); //~ fetch GET https://a.example.com/…
    const host = new URL('https://b.example.com/x');
    host.hostname = request.headers.get('host');
    return fetch(host); //~ fetch GET https://b.example.com/x; ?? url-unknown
  },
};
