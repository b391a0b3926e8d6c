const API = 'https://api.example.com';
export default {
  async fetch(request) {
    const id = request.headers.get('id');
    await fetch(API + '/v1/a'); //~ fetch GET https://api.example.com/v1/a
    await fetch(`${API}/v1/users/${id}`, { method: 'PUT' }); //~ fetch PUT https://api.example.com/v1/users/…
    await fetch(new URL(`/v1/${id}`, API), { method: 'delete' }); //~ fetch DELETE https://api.example.com/v1/…
    await fetch(new Request(`${API}/v1/r`, { method: 'POST' })); //~ fetch POST https://api.example.com/v1/r
    const url = new URL('https://other.example.com/x?y=1');
    return globalThis.fetch(url.href); //~ fetch GET https://other.example.com/x?y=1
  },
};
