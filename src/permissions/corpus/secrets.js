export default {
  async fetch(request, env) {
    const headers = { authorization: `Bearer ${env.API_KEY}` }; //~ secret API_KEY read
    return fetch('https://api.example.com/v1/charges', { method: 'POST', headers }); //~ fetch POST https://api.example.com/v1/charges
  },
};
