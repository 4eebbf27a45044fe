// The TypeScript package `@modelcontextprotocol/sdk` 1.x, unmodified, against the gateway.
import { suite } from './checks.mjs';
import { run } from './mcp_scenario.mjs';
import { load } from './packages.mjs';

const { UnauthorizedError } = await load('@modelcontextprotocol/sdk/client/auth.js');
const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');

const t = suite('typescript-sdk-1');
await run(t, {
  name: 'typescript sdk 1',
  redirect: 'http://localhost:8980/callback',
  completesStepUp: false,
  open: (url, authProvider) => ({
    client: new Client({ name: 'tollgate-tests', version: '1.0.0' }),
    transport: new StreamableHTTPClientTransport(new URL(url), { authProvider }),
  }),
  isUnauthorized: (error) => error instanceof UnauthorizedError,
  finish: (transport, callback) => transport.finishAuth(callback.get('code')),
});
t.finish();
