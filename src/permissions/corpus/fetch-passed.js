import { promisify } from 'node:util';
const later = promisify(fetch); //~ ?? fetch-passed fetch
export default {
  async fetch() {
    await ['https://a.example.com/1', 'https://b.example.com/2'].map((url) => fetch(url)); //~ fetch GET https://a.example.com/1; fetch GET https://b.example.com/2
    return later();
  },
};
