export default {
  async fetch(request, env) {
    const response = await env.BILLING.fetch('https://billing/invoices', { method: 'POST' }); //~ service BILLING fetch
    return env.BILLING.fetch(request) || response; //~ service BILLING fetch
  },
};
