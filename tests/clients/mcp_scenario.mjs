// What every MCP client in TypeScript must be able to do through the gate, told once for both lines of the SDK.
import { assert, claims, mcpInitialize, person, sleep, stack } from './checks.mjs';

const YOUNG_SECONDS = 3;

/** The store that the SDK asks of an application, and the person who signs in. */
export class Provider {
  authorizations = [];

  constructor(name, redirectUrl) {
    this.name = name;
    this.redirectUrl = redirectUrl;
  }
  get clientMetadata() {
    return {
      client_name: this.name,
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  state() {
    this.sentState = crypto.randomUUID();
    return this.sentState;
  }
  clientInformation() {
    return this.savedClient;
  }
  saveClientInformation(client) {
    this.savedClient = client;
  }
  tokens() {
    return this.savedTokens;
  }
  saveTokens(tokens) {
    this.savedTokens = tokens;
  }
  codeVerifier() {
    return this.savedVerifier;
  }
  saveCodeVerifier(verifier) {
    this.savedVerifier = verifier;
  }
  discoveryState() {
    return this.savedDiscovery;
  }
  saveDiscoveryState(state) {
    this.savedDiscovery = state;
  }
  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'tokens') this.savedTokens = undefined;
    if (scope === 'all' || scope === 'client') this.savedClient = undefined;
    if (scope === 'all' || scope === 'discovery') this.savedDiscovery = undefined;
  }
  async redirectToAuthorization(url) {
    this.authorizations.push(String(url));
    const { location } = await person('drive', { authorize_url: String(url) });
    this.callback = new URL(location).searchParams;
    assert.equal(this.callback.get('state'), this.sentState, 'state');
  }
}

/**
 * Runs the scenario. `sdk` gives: `name`, `redirect`, `open(url, provider)` → `{client, transport}` not yet connected,
 * `isUnauthorized(error)`, `finish(transport, callback)`, `completesStepUp`.
 */
export async function run(t, sdk) {
  const own = new Provider(`${sdk.name} own`, sdk.redirect);
  const everything = new Provider(`${sdk.name} everything`, sdk.redirect);
  const ownUrl = stack.public_url + stack.own_path;
  const everythingUrl = stack.public_url + stack.everything_path;
  const at = {
    own: (act) => connected(sdk, ownUrl, own, act),
    everything: (act) => connected(sdk, everythingUrl, everything, act),
  };

  await signIn(t, stack.own_path, own, ownUrl, at.own, 'whoami');
  await signIn(t, stack.everything_path, everything, everythingUrl, at.everything, 'echo');
  await t.check('/mcp: whoami names the user', async () => {
    const { email } = await person('person');
    assert.match(await at.own((c) => call(c, 'whoami', {})), new RegExp(email.replace(/\W/g, '\\$&')));
  });
  await t.check('/mcp/everything: echo answers', async () => {
    assert.match(await at.everything((c) => call(c, 'echo', { message: 'through the gate' })), /through the gate/);
  });
  await (sdk.completesStepUp ? stepUp : stepUpRefused)(t, everything, at.everything);
  await refresh(t, [[stack.own_path, ownUrl, own, at.own], [stack.everything_path, everythingUrl, everything, at.everything]]);
  await revoke(t, stack.own_path, ownUrl, own, at.own, ['whoami', {}]);
  await revoke(t, stack.everything_path, everythingUrl, everything, at.everything, ['echo', { message: 'again' }]);
}

/** Connects, acts, closes; a refusal sends the person through the browser once, then the act is done again. */
async function connected(sdk, url, provider, act) {
  for (let attempt = 0; ; attempt += 1) {
    const { client, transport } = sdk.open(url, provider);
    try {
      await client.connect(transport);
      return await act(client);
    } catch (error) {
      if (attempt > 0 || !sdk.isUnauthorized(error)) throw error;
      await sdk.finish(transport, provider.callback);
    } finally {
      await client.close().catch(() => {});
    }
  }
}

async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  const text = result.content.map((part) => part.text ?? '').join('\n');
  assert.ok(!result.isError, `the tool answered with an error: ${text}`);
  return text;
}

const toolNames = async (client) => (await client.listTools()).tools.map((tool) => tool.name);

async function signIn(t, path, provider, url, at, tool) {
  await t.check(`${path}: discovers, registers, signs in once`, async () => {
    await at(toolNames);
    assert.equal(provider.authorizations.length, 1, 'number of authorizations');
    const asked = new URL(provider.authorizations[0]).searchParams;
    assert.equal(asked.get('resource'), url);
    assert.equal(asked.get('code_challenge_method'), 'S256');
  });
  await t.check(`${path}: lists the tools`, async () => {
    assert.ok((await at(toolNames)).includes(tool));
  });
}

async function stepUp(t, provider, at) {
  await t.check('/mcp/everything: step-up gets the scope and the call succeeds', async () => {
    const before = provider.authorizations.length;
    assert.match(await at((c) => call(c, stack.step_up_tool, { a: 20, b: 22 })), /42/);
    assert.equal(provider.authorizations.length, before + 1, 'number of authorizations');
    const granted = provider.savedTokens.scope.split(' ');
    assert.ok(granted.includes(stack.step_up_scope) && granted.includes(stack.everything_scope), `scopes ${granted}`);
  });
  await t.check('/mcp/everything: after step-up the tool is listed', async () => {
    assert.ok((await at(toolNames)).includes(stack.step_up_tool));
  });
}

// This line of the SDK refreshes instead of authorizing again, so its user must learn from the error what to do.
async function stepUpRefused(t, provider, at) {
  await t.check('/mcp/everything: a call beyond the scopes is refused with 403, once and for all', async () => {
    const before = provider.authorizations.length;
    await assert.rejects(at((c) => call(c, stack.step_up_tool, { a: 20, b: 22 })), (error) => error.code === 403);
    assert.equal(provider.authorizations.length, before, 'number of authorizations');
  });
  await t.check('/mcp/everything: the refusal leaves the granted tools usable', async () => {
    assert.match(await at((c) => call(c, 'echo', { message: 'still here' })), /still here/);
  });
}

async function refresh(t, pairs) {
  const olds = pairs.map(([, , provider]) => provider.savedTokens.access_token);
  const expires = Math.max(...olds.map((token) => claims(token).exp));
  await sleep(Math.max(0, expires - Date.now() / 1000) + 1.1);
  for (const [index, [path, url, provider, at]] of pairs.entries()) {
    await t.check(`${path}: an expired token is refused, then refreshed without a person`, async () => {
      assert.equal((await mcpInitialize(url, olds[index])).status, 401);
      const before = provider.authorizations.length;
      await at(toolNames);
      assert.equal(provider.authorizations.length, before, 'number of authorizations');
      assert.notEqual(provider.savedTokens.access_token, olds[index]);
    });
  }
}

async function revoke(t, path, url, provider, at, [tool, args]) {
  await t.check(`${path}: revoked by the user, the next call gets 401`, async () => {
    const token = await youngToken(provider, at);
    assert.equal((await mcpInitialize(url, token)).status, 200, 'status before');
    await person('revoke', { words: provider.name });
    const answer = await mcpInitialize(url, token);
    assert.ok(claims(token).exp > Date.now() / 1000, 'token still young');
    assert.equal(answer.status, 401, 'status after');
    assert.match(answer.headers.get('www-authenticate'), /^Bearer .*error="invalid_token"/);
  });
  await t.check(`${path}: authorizing again after the revocation works`, async () => {
    const before = provider.authorizations.length;
    await at((c) => call(c, tool, args));
    assert.equal(provider.authorizations.length, before + 1, 'number of authorizations');
  });
}

/** A token that will not expire during the next few requests, so that a refusal has another cause. */
async function youngToken(provider, at) {
  for (;;) {
    await at(toolNames);
    const left = claims(provider.savedTokens.access_token).exp - Date.now() / 1000;
    if (left > YOUNG_SECONDS) return provider.savedTokens.access_token;
    await sleep(left + 0.1);
  }
}
