export default {
  async fetch() {
    const key = process.env.API_KEY; //~ secret API_KEY read
    const { TOKEN } = process.env; //~ secret TOKEN read
    return new Response(key === TOKEN && process.env.UNSET ? 'a' : 'b');
  },
};
