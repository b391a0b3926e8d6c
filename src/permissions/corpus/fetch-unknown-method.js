export default {
  async fetch(request) {
    const { method } = request;
    return fetch('https://api.example.com/any', { method }); //~ fetch * https://api.example.com/any
  },
};
