const SMALL = 'x'.repeat(100);
const LARGE = 'x'.repeat(65_536);

exports.hello = (request, response) => {
  response.setHeader('content-type', 'text/plain');
  if (request.method === 'POST') response.end(String(request.rawBody?.length ?? 0));
  else response.end(request.path.endsWith('/large') ? LARGE : SMALL);
};
