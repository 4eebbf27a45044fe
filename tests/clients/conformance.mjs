// Preloaded into the conformance suite: a relay that puts a token on its requests, which the suite can't do itself, and what it
// needs on Node 20. Environment: RELAY_PORT, RELAY_TARGET (the gateway's origin), RELAY_TOKEN.
import http from 'node:http';
import { register } from 'node:module';

// The suite imports `globSync` of Node 22 for a command that is not run here.
const fs = "export * from 'node:fs'; export const globSync = () => { throw new Error('needs Node 22'); };";
const hooks = `export async function resolve(specifier, context, next) {
  return specifier === 'fs' && context.parentURL?.includes('/conformance/')
    ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(fs)}`)}, shortCircuit: true }
    : next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const { RELAY_PORT, RELAY_TARGET, RELAY_TOKEN } = process.env;
if (RELAY_PORT) {
  const target = new URL(RELAY_TARGET);
  const server = http.createServer((incoming, answer) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${RELAY_TOKEN}` };
    // Our own address stands for the gateway's; what the suite makes up passes as it is.
    if (headers.host === `127.0.0.1:${RELAY_PORT}`) headers.host = target.host;
    if (headers.origin === `http://127.0.0.1:${RELAY_PORT}`) headers.origin = target.origin;
    const options = { host: target.hostname, port: target.port, method: incoming.method, path: incoming.url, headers };
    const outgoing = http.request(options, (given) => {
      answer.writeHead(given.statusCode, given.headers);
      answer.flushHeaders();
      given.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(Number(RELAY_PORT), '127.0.0.1').unref();
}
