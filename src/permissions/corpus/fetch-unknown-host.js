export default {
  async fetch(request) {
    const { host } = await request.json();
    await fetch(`https://${host}/x`); //~ ?? url-unknown https://
    await fetch(`https://api.example.com${host}`); //~ ?? url-unknown https://api.example.com
    await fetch(request.url); //~ ?? url-unknown
    return fetch(request); //~ ?? url-unknown
  },
};
