import { Client } from './client.js';
export default {
  async fetch(request, env) {
    const client = new Client({ base: 'https://pay.example.com', token: env.TOKEN }); //~ secret TOKEN read
    return client.post('charges');
  },
};
