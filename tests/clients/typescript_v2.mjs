// The TypeScript package `@modelcontextprotocol/client` 2.x, unmodified, against the gateway.
import { suite } from './checks.mjs';
import { run } from './mcp_scenario.mjs';
import { load } from './packages.mjs';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await load('@modelcontextprotocol/client');

const t = suite('typescript-client-2');
await run(t, {
  name: 'typescript client 2',
  redirect: 'http://127.0.0.1:8979/callback',
  completesStepUp: true,
  open: (url, authProvider) => ({
    client: new Client({ name: 'tollgate-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } }),
    transport: new StreamableHTTPClientTransport(new URL(url), { authProvider }),
  }),
  isUnauthorized: (error) => error instanceof UnauthorizedError || error?.cause instanceof UnauthorizedError,
  finish: (transport, callback) => transport.finishAuth(callback),
});
t.finish();
