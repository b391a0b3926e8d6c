export class Client {
  constructor({ base, token }) {
    this.base = base;
    this.token = token;
  }
  post(path) {
    return fetch(`${this.base}/v1/${path}`, { method: 'POST' }); //~ fetch POST https://pay.example.com/v1/charges
  }
}
