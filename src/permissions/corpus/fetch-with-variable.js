export default {
  async fetch(request, env) {
    return fetch(`${env.API_BASE}/orders/${env.REGION}`); //~ fetch GET https://api.example.com/v1/orders/eu
  },
};
