// The life of an integration in Chromium: a partner makes an app, customers use it, administrators decide about it. Once with
// scripts and once without.
import { createHash, randomBytes } from 'node:crypto';

import { assert, claims, person, stack, suite } from '../clients/checks.mjs';
import { HTTPS_HOST, launch, Window } from './browser.mjs';
import { fromOnboarding, publishedToo } from './onboarding.mjs';
import { CONNECTED, ONBOARDING, PartnerSite } from './partner_site.mjs';
import { startTargets } from './targets.mjs';

const PASSWORD = 'a password of my own choosing 1';
const t = suite('partners');

const CALLBACK = `https://${HTTPS_HOST}/callback`;

async function administer(...words) {
  const { output } = await person('administer', { arguments: words });
  return output;
}

/** Signs in; a one-time password is changed on the way. */
async function signIn(window, email, password) {
  const { page } = window;
  await window.goto('/login');
  await page.fill('#email', email);
  await page.fill('#password', password);
  await page.click('#sign-in');
  await page.waitForSelector('#sign-out, #new-password');
  if (await page.isVisible('#new-password')) {
    await page.fill('#current-password', password);
    await page.fill('#new-password', PASSWORD);
    await page.click('#change-password');
    await page.waitForSelector('#sign-out');
  }
}

/** A new user in a new organization, signed in. */
async function customer(browser, mode, slug) {
  const email = `carol-${mode}@customers.test`;
  await administer('org', 'create', slug, '--name', `Customers ${mode}`);
  const { one_time_password } = JSON.parse(await administer('user', 'create', email, '--json'));
  await administer('member', 'set', slug, email, '--role', 'admin');
  await administer('member', 'set', slug, stack.email, '--role', 'viewer');
  const window = await Window.open(browser, mode);
  await signIn(window, email, one_time_password);
  return { window, email, slug };
}

/** What the partner's server does: asks for authorization in somebody's browser, redeems the code with its own secret. */
class Integration {
  constructor(site, { clientId, secret }) {
    Object.assign(this, { site, clientId, secret });
  }

  authorizeUrl() {
    this.verifier = randomBytes(32).toString('base64url');
    this.state = randomBytes(16).toString('base64url');
    const query = {
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: CALLBACK,
      state: this.state,
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    };
    return `${this.site}/oauth2/authorize?${new URLSearchParams(query)}`;
  }

  async token(form) {
    const basic = Buffer.from(`${this.clientId}:${this.secret}`).toString('base64');
    const headers = { Authorization: `Basic ${basic}`, 'Content-Type': 'application/x-www-form-urlencoded' };
    const response = await fetch(`${this.site}/oauth2/token`, { method: 'POST', headers, body: new URLSearchParams(form) });
    return { status: response.status, ...(await response.json()) };
  }

  /** Somebody allows it in their browser, in one of their organizations. */
  async connect(window, target, organization) {
    return window.inTab(async ({ page }) => {
      await page.goto(this.authorizeUrl());
      const choice = page.locator('label.choice', { has: page.getByText(organization, { exact: true }) });
      if ((await choice.count()) > 0) await choice.click();
      const answer = await target.arrived(page, () => page.click('#approve', { noWaitAfter: true }));
      assert.equal(answer.get('state'), this.state);
      assert.equal(answer.get('iss'), this.site);
      assert.equal(answer.get('site'), new URL(this.site).host);
      const form = { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: CALLBACK, code_verifier: this.verifier };
      const tokens = await this.token(form);
      assert.equal(tokens.status, 200, JSON.stringify(tokens));
      return tokens;
    });
  }

  /** The status of a call through the gate. */
  async call(token, path = '/api/v1/query?query=up') {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`${this.site}${stack.prometheus_path}${path}`, { headers });
    await response.body?.cancel();
    return response.status;
  }
}

async function shownSecret(page) {
  const clientId = await page.locator('#new-secret dl code').first().textContent();
  return { clientId, secret: await page.textContent('#client-secret') };
}

/** A partner drafts an app: what they were shown once, and where its page is. */
async function makes(window, mode) {
  const { page } = window;
  const app = { name: `Metrics mirror ${mode}` };
  await t.check(`${mode}: a partner makes an app; its secret is shown once`, async () => {
    await window.goto('/orgs/default/apps');
    if (mode === 'scripts') await window.inspect('apps-empty');
    await page.getByRole('link', { name: 'Create an app' }).first().click();
    await page.fill('#name', app.name);
    await page.fill('#description', 'Copies metrics to where your team looks at them.');
    await page.fill('#documentation_url', `https://${HTTPS_HOST}/docs`);
    await page.fill('#uninstall_instructions', 'Press Disconnect in its settings.');
    await page.fill('#onboarding_url', ONBOARDING);
    await page.fill('#redirect_uris', `${CALLBACK}\n${CONNECTED}`);
    if (mode === 'scripts') {
      await page.fill('#find', 'metrics:read');
      await page.waitForFunction(() => document.querySelector('[data-item] input[value="audit:read"]').closest('[data-item]').hidden);
      await page.fill('#find', '');
    }
    await page.check(`input[name=scopes][value="${stack.prometheus_scope}"]`);
    await page.check('input[name=scopes][value="mcp:tollgate:invoke"]');
    await window.inspect('app-form');
    await page.click('#save');
    await page.waitForSelector('#new-secret');
    app.draft = await shownSecret(page);
    await window.inspect('app-made');
    await window.goto('/orgs/default/apps');
    await window.inspect('apps');
    await page.getByRole('link', { name: app.name }).click();
    assert.ok(!(await page.content()).includes(app.draft.secret), 'the secret is on no later page');
    app.page = page.url();
    await window.inspect('app');
  });
  return app;
}

/** The partner has no running code yet: the app's page stands in for it. */
async function tests(window, mode, app) {
  const { page } = window;
  await t.check(`${mode}: the partner tests the draft without any code`, async () => {
    await page.goto(app.page);
    const start = new URL(await page.getAttribute('#test-authorization', 'href'));
    assert.ok(start.href.startsWith(ONBOARDING), start.href);
    assert.equal(start.searchParams.get('iss'), stack.public_url);
    await page.click('#test-from-here');
    await window.inspect('app-test');
    await page.click('#begin-draft');
    await page.waitForSelector('#approve');
    assert.match(await page.textContent('main'), /This is a test/);
    await window.inspect('consent-test');
    const choice = page.locator('label.choice', { has: page.locator('code', { hasText: /^default$/ }) });
    if ((await choice.count()) > 0) await choice.click();
    await page.click('#approve');
    await page.waitForSelector('#first-call');
    const words = await page.textContent('main');
    for (const told of [stack.prometheus_scope, 'Granted, works now', stack.email, '"access_token": "…']) assert.ok(words.includes(told), told);
    assert.ok(!(await page.content()).includes('eyJ'), 'no token is on the page');
    await window.inspect('app-test-given');
  });
  await t.check(`${mode}: its first call goes through the gate and is on record`, async () => {
    await page.locator('#route').selectOption({ label: `GET ${stack.prometheus_path}/api/v1/query` });
    await page.fill('#query', 'query=up');
    await page.click('#call');
    await page.waitForSelector('#called');
    const answer = await page.textContent('#called');
    assert.match(answer, /200 OK/);
    assert.match(answer, /"resultType": "vector"/);
    await window.inspect('app-test-called');
    await page.click('#call-record');
    await page.waitForSelector('dl');
    assert.ok((await page.textContent('main')).includes(app.name), 'the record names the app');
  });
  await t.check(`${mode}: a first call may send a body`, async () => {
    await page.goto(`${app.page}/test`);
    await page.locator('#route').selectOption({ label: `POST ${stack.prometheus_path}/api/v1/query` });
    await page.fill('#body', 'query=sum(up)');
    await page.click('#call');
    await page.waitForSelector('#called');
    const answer = await page.textContent('#called');
    assert.match(answer, /200 OK/);
    assert.match(answer, /"resultType": "vector"/);
    assert.equal(await page.inputValue('#body'), 'query=sum(up)');
    await window.inspect('app-test-posted');
  });
  await t.check(`${mode}: a first call may list the tools of an MCP server and call one`, async () => {
    await page.goto(`${app.page}/test`);
    await page.locator('#server').selectOption(stack.own_path);
    await page.click('#list-tools');
    await page.waitForSelector('#called');
    assert.match(await page.textContent('#called'), /200 OK[^]*"whoami"/);
    await page.fill('#tool', 'whoami');
    await page.click('#call-tool');
    await page.waitForSelector('#called');
    const answer = await page.textContent('#called');
    assert.match(answer, /200 OK/);
    assert.ok(answer.includes(stack.email), answer);
    await window.inspect('app-test-tool');
    await page.fill('#arguments', 'none');
    await page.click('#call-tool');
    await page.waitForSelector('[role=alert]');
    await window.inspect('app-test-wrong-arguments');
  });
  await t.check(`${mode}: done, nothing is left of the test`, async () => {
    await page.goto(`${app.page}/test`);
    await page.click('#end');
    await page.waitForSelector('[role=status]');
    await window.inspect('app-test-done');
    await window.goto('/settings/applications');
    assert.equal(await page.getByRole('heading', { name: app.name, exact: true }).count(), 0);
  });
  await t.check(`${mode}: not allowing tells the partner what the app would have been sent`, async () => {
    await page.goto(`${app.page}/test`);
    await page.click('#begin-draft');
    await page.click('#deny');
    await page.waitForSelector('[role=alert]');
    assert.match(await page.textContent('main'), /access_denied/);
    await window.inspect('app-test-refused');
  });
}

/** Somebody of another organization is told why not, and is sent nowhere. */
async function strangerCannotAuthorizeDraft(carol, mode, app) {
  await t.check(`${mode}: a member of another organization can't authorize the draft`, () =>
    carol.window.inTab(async (tab) => {
      const response = await tab.page.goto(new Integration(stack.public_url, app.draft).authorizeUrl());
      assert.equal(response.status(), 403);
      assert.ok(tab.page.url().startsWith(stack.public_url), 'stays here');
      assert.equal(await tab.page.locator('#approve').count(), 0);
      await tab.inspect('draft-stranger');
      const test = await tab.page.goto(`${app.page}/test`);
      assert.equal(test.status(), 404, 'and sees nothing of the app');
    }),
  );
}

async function publishes(window, mode, app) {
  const { page } = window;
  await t.check(`${mode}: the partner publishes it once nothing is missing`, async () => {
    await page.goto(`${app.page}/publish`);
    assert.ok(await page.isDisabled('#publish'), 'the draft is not marked stable');
    await page.goto(app.page);
    await page.click('#mark-stable');
    await page.goto(`${app.page}/publish`);
    await window.inspect('app-publish');
    await page.click('#publish');
    await page.waitForSelector('#new-secret');
    app.published = await shownSecret(page);
    assert.notEqual(app.published.clientId, app.draft.clientId);
    await window.inspect('app-published');
  });
}

/** The customer allows it, looks at what it did, takes something from it, and ends it. */
async function customerUses(carol, mode, app, target) {
  const { page } = carol.window;
  const integration = new Integration(stack.public_url, app.published);
  let tokens;
  await t.check(`${mode}: a customer allows it, and it calls for them`, async () => {
    tokens = await integration.connect(carol.window, target, `Customers ${mode}`);
    assert.equal(await integration.call(tokens.access_token), 200);
    assert.ok(claims(tokens.access_token).org, 'the token is bound to an organization');
  });
  await t.check(`${mode}: the customer sees what it did`, async () => {
    await carol.window.goto('/settings/applications');
    if (mode === 'scripts') {
      await page.fill('#filter', 'no such application');
      assert.equal(await page.locator('li.grant:visible').count(), 0, 'typing narrows the list');
      await page.fill('#filter', app.name.toLowerCase());
      assert.equal(await page.locator('li.grant:visible').count(), 1);
    } else {
      assert.ok(!(await page.isVisible('#filter')), 'no box without scripts');
    }
    await page.locator('li', { has: page.getByRole('heading', { name: app.name, exact: true }) }).getByRole('link', { name: 'Details' }).click();
    assert.match(await page.textContent('table.records'), /query/);
  });
  return { integration, tokens };
}

async function partnerAddsAPermission(window, mode, app, customer) {
  const { page } = window;
  await t.check(`${mode}: the partner changes it and publishes again; live grants hold no more than before`, async () => {
    await page.goto(`${app.page}/edit`);
    await page.check('input[name=scopes][value="rules:read"]');
    await window.inspect('app-edit');
    await page.click('#save');
    await page.waitForURL(app.page);
    await page.click('#mark-stable');
    await page.goto(`${app.page}/publish`);
    assert.match(await page.textContent('ins'), /rules:read/);
    await window.inspect('app-publish-again');
    await page.click('#publish');
    await page.waitForSelector('[role=status]');
    assert.match(await page.textContent('main'), /Version 2 is published/);
    assert.equal(await page.locator('#new-secret').count(), 0, 'its client keeps its secret');
    const { integration, tokens } = customer;
    assert.equal(await integration.call(tokens.access_token), 200);
    assert.equal(await integration.call(tokens.access_token, '/api/v1/rules'), 403, 'what is new was not asked for yet');
  });
}

async function customerNarrowsAndRevokes(carol, mode, app, target, { integration }) {
  const { page } = carol.window;
  let tokens;
  const entry = () => page.locator('li', { has: page.getByRole('heading', { name: app.name, exact: true }) });
  await t.check(`${mode}: allowed again it may do more; the customer takes a part of that`, async () => {
    tokens = await integration.connect(carol.window, target, `Customers ${mode}`);
    assert.equal(await integration.call(tokens.access_token, '/api/v1/rules'), 200);
    await carol.window.goto('/settings/applications');
    await entry().first().getByRole('link', { name: 'Details' }).click();
    await page.uncheck('#keep-rules\\:read');
    await page.click('#narrow');
    await page.waitForSelector('[role=status]');
    assert.equal(await integration.call(tokens.access_token, '/api/v1/rules'), 403, 'taken at once');
    assert.equal(await integration.call(tokens.access_token), 200, 'the rest goes on');
    await carol.window.inspect('grant-narrowed');
  });
  await t.check(`${mode}: revoked, its next call is refused`, async () => {
    await page.locator('button[id^="revoke-"]').click();
    await page.waitForSelector('[role=status]');
    assert.equal(await integration.call(tokens.access_token), 401);
    assert.equal((await integration.token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })).error, 'invalid_grant');
  });
}

/** Two people of one organization use the app until their administrator blocks it. */
async function administratorBlocks(carol, ada, mode, app, target) {
  const { page } = carol.window;
  await t.check(`${mode}: an administrator blocks the app, and everyone's tokens stop`, async () => {
    const integration = new Integration(stack.public_url, app.published);
    const theirs = [];
    for (const window of [carol.window, ada]) theirs.push(await integration.connect(window, target, `Customers ${mode}`));
    const elsewhere = await integration.connect(ada, target, 'Default');
    const statuses = async () => Promise.all([...theirs, elsewhere].map((tokens) => integration.call(tokens.access_token)));
    assert.deepEqual(await statuses(), [200, 200, 200], 'before');
    await carol.window.goto(`/orgs/${carol.slug}/applications`);
    await page.getByRole('link', { name: app.name, exact: true }).click();
    await page.click('#ask-block');
    await carol.window.inspect('block-everybody');
    await page.click('#block');
    await page.waitForSelector('[role=status]');
    assert.deepEqual(await statuses(), [401, 401, 200], 'blocked there, and nowhere else');
    const again = await carol.window.page.goto(integration.authorizeUrl());
    assert.equal(again.status(), 403, 'nobody there can authorize it');
    await carol.window.inspect('blocked-consent');
  });
}

/** The partner is asked before something stops for everybody. */
async function switchesOff(window, mode, app) {
  const { page } = window;
  await t.check(`${mode}: switching the app off is asked about first`, async () => {
    await page.goto(app.page);
    await page.click('#ask-disable');
    await window.inspect('app-switch-off');
    await page.click('#disable');
    await page.waitForSelector('[role=status]');
    await page.click('#enable');
    await page.waitForSelector('[role=status]');
  });
}

/** Deleting asks on a page of its own, and can be left. */
async function keepsIt(window, mode, app) {
  const { page } = window;
  await t.check(`${mode}: deleting the app is asked about first`, async () => {
    await page.goto(`${app.page}/delete`);
    await window.inspect('app-delete');
    await page.getByRole('link', { name: 'Keep it' }).click();
    await page.waitForSelector('#ask-disable');
  });
}

/** What data is pushed with: made by the integration itself, once per organization. */
async function mintsKey(tokens) {
  const headers = { Authorization: `Bearer ${tokens.access_token}`, 'Idempotency-Key': randomBytes(8).toString('hex') };
  const response = await fetch(`${stack.public_url}/api/v1/api_keys`, { method: 'POST', headers });
  const made = await response.json();
  assert.equal(response.status, 201, JSON.stringify(made));
  return made.key;
}

/** The status of a remote write of nothing: one byte of snappy. */
async function push(key) {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy' };
  const url = `${stack.public_url}${stack.prometheus_path}/api/v1/write`;
  const response = await fetch(url, { method: 'POST', headers, body: Uint8Array.of(0) });
  await response.body?.cancel();
  return response.status;
}

/** The partner asks for the private permission that makes keys; the operator gives it; the next version carries it. */
async function asksForKeys(window, mode, app) {
  const { page } = window;
  await t.check(`${mode}: the partner asks for a private permission, and the operator gives it`, async () => {
    await page.goto(app.page);
    await page.fill('#private_scope', 'metrics:read');
    await page.fill('#private_reason', 'It sends metrics.');
    await page.click('#request-scope');
    await page.waitForSelector('[role=alert]');
    assert.equal(await page.inputValue('#private_reason'), 'It sends metrics.', 'nothing is typed twice');
    await page.fill('#private_scope', 'api_keys:write');
    await page.click('#request-scope');
    await page.waitForSelector('[role=status]');
    await window.inspect('app-private-waiting');
    await page.locator('button[name=cancel-scope]').click();
    await page.waitForSelector('[role=status]');
    assert.match(await page.textContent('#private-api_keys\\:write'), /Withdrawn/);
    await page.fill('#private_scope', 'api_keys:write');
    await page.fill('#private_reason', 'It sends metrics.');
    await page.click('#request-scope');
    await page.waitForSelector('[role=status]');
    await administer('app', 'scopes', 'approve', app.page.split('/').at(-1), 'api_keys:write', '--comment', 'for a year');
    await page.goto(app.page);
    assert.match(await page.textContent('#private-api_keys\\:write'), /Approved/);
    await window.inspect('app-private-approved');
    await page.goto(`${app.page}/edit`);
    await page.check('input[name=scopes][value="api_keys:write"]');
    await page.check('input[name=scopes][value="metrics:write"]');
    await page.click('#save');
    await page.waitForURL(app.page);
    await page.click('#mark-stable');
    await page.goto(`${app.page}/publish`);
    await page.click('#publish');
    await page.waitForSelector('[role=status]');
  });
}

/** Another organization of the customer's installs it ahead, is pushed to, and uninstalls it. */
async function uninstallsWithKeys(carol, mode, app, target) {
  const { page } = carol.window;
  const integration = new Integration(stack.public_url, app.published);
  const slug = `pushers-${mode}`;
  let tokens;
  let key;
  await t.check(`${mode}: an administrator installs an app before anybody authorizes it`, async () => {
    await administer('org', 'create', slug, '--name', `Pushers ${mode}`);
    await administer('member', 'set', slug, carol.email, '--role', 'admin');
    await carol.window.goto(`/orgs/${slug}/keys`);
    await carol.window.inspect('org-keys-empty');
    await carol.window.goto(`/orgs/${slug}/applications`);
    await page.getByRole('link', { name: 'Install an app' }).click();
    await page.fill('#app', app.published.clientId);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForSelector('#install');
    await carol.window.inspect('org-install');
    await page.click('#install');
    await page.waitForSelector('[role=status]');
    await carol.window.inspect('org-client-installed');
  });
  await t.check(`${mode}: authorized, the app makes its own key and pushes with it`, async () => {
    tokens = await integration.connect(carol.window, target, `Pushers ${mode}`);
    key = await mintsKey(tokens);
    assert.equal(await push(key), 204);
    assert.equal(await integration.call(key), 401, 'a key only pushes');
    await carol.window.goto(`/orgs/${slug}/keys`);
    const row = page.locator('tbody tr', { hasText: app.name });
    assert.match(await row.textContent(), /Live/);
    assert.ok(!(await page.content()).includes(key), 'nobody sees it again');
    await carol.window.inspect('org-keys');
    await row.getByRole('link', { name: /^Disable/ }).click();
    await carol.window.inspect('org-key-disable');
    assert.equal(await push(key), 204, 'asking disables nothing');
  });
  await t.check(`${mode}: whoever authorized it revokes, and the key goes on`, async () => {
    const application = page.url().split('?')[0];
    await carol.window.goto('/settings/applications');
    const granted = page.locator('li.grant', { hasText: `Pushers ${mode}` }).filter({ hasText: app.name });
    await granted.locator('button[id^=revoke-]').click();
    await page.waitForSelector('[role=status]');
    assert.match(await page.textContent('[role=status]'), /The API key that ends in .* goes on/);
    assert.equal(await integration.call(tokens.access_token), 401, 'its token is refused');
    assert.equal(await push(key), 204, 'its key is not');
    await carol.window.goto(`/orgs/${slug}/applications`);
    // Its draft is in the list as well: the organization made it, and has the app installed.
    const held = page.locator('tbody tr', { hasText: app.name }).filter({ hasText: /API key of / });
    assert.equal(await held.count(), 1, 'the application is listed with its key');
    await page.locator('input[name=new-clients][value=approval]').check();
    await page.click('#save-new-clients');
    await page.click('#save-surely');
    await page.waitForSelector('[role=status]');
    assert.equal(await push(key), 204, 'it was in use when new applications began to wait');
    tokens = await integration.connect(carol.window, target, `Pushers ${mode}`);
    await page.goto(application);
  });
  await t.check(`${mode}: uninstalling disables the key and revokes what was authorized`, async () => {
    await page.goto(page.url().split('?')[0]);
    await carol.window.inspect('org-client-app');
    await page.click('#uninstall');
    await page.waitForSelector('button#uninstall');
    assert.match(await page.textContent('main'), /1 authorization of 1 user.*1 API key/s);
    await carol.window.inspect('org-uninstall');
    assert.equal(await push(key), 204);
    await page.click('#uninstall');
    await page.waitForSelector('[role=status]');
    assert.equal(await push(key), 401, 'the next push is refused');
    assert.equal(await integration.call(tokens.access_token), 401, 'and so is the next call');
    await carol.window.inspect('org-uninstalled');
    await carol.window.goto(`/orgs/${slug}/keys`);
    assert.match(await page.textContent('tbody'), /Disabled.*The app was uninstalled/s);
    await carol.window.inspect('org-keys-disabled');
  });
}

async function secondSite(browser, window, mode, app, target) {
  const { page } = window;
  await t.check(`${mode}: the manifest goes to a second site and works there`, async () => {
    await page.goto(app.page);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export')]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    const manifest = Buffer.concat(chunks).toString();
    const site = await person('site');
    const origin = site.public_url.replace(/\/$/, '');
    const there = await Window.open(browser, mode, origin);
    await signIn(there, site.email, secondPassword ?? site.password);
    secondPassword = PASSWORD;
    await there.goto('/orgs/default/apps/import');
    await there.page.fill('#manifest', manifest);
    await there.inspect('app-import');
    await there.page.click('#import');
    await there.page.waitForSelector('#new-secret');
    const draft = await shownSecret(there.page);
    assert.match(await there.page.textContent('[role=alert]'), /Left out.*api_keys:write/s, 'each site gives private permissions anew');
    assert.notEqual(draft.clientId, app.draft.clientId, 'a client of its own');
    const integration = new Integration(origin, draft);
    const tokens = await integration.connect(there, target, 'Default');
    assert.equal(await integration.call(tokens.access_token), 200);
    assert.equal(await new Integration(stack.public_url, draft).call(tokens.access_token), 401, "one site's token is nothing at the other");
    await there.page.reload();
    const uuid = JSON.parse(manifest).app_uuid;
    assert.ok((await there.page.content()).includes(uuid), 'it is known by the same name');
    await there.close();
  });
}
let secondPassword;

async function serviceUser(window, mode) {
  const { page } = window;
  const name = `nightly-${mode}`;
  await t.check(`${mode}: a service user is deactivated and the machine client stops`, async () => {
    await window.goto('/orgs/default/members');
    await page.fill('#service', name);
    await page.check('#service-viewer');
    await page.click('#add-service');
    await page.waitForSelector('[role=status]');
    const words = ['client', 'create', name, '--kind', 'machine', '--org', 'default', '--scopes', stack.prometheus_scope];
    const made = JSON.parse(await administer(...words, '--subject', `${name}.default`, '--json'));
    const machine = new Integration(stack.public_url, { clientId: made.client.client_id ?? made.client.id, secret: made.client_secret });
    const { access_token } = await machine.token({ grant_type: 'client_credentials' });
    assert.equal(await machine.call(access_token), 200, 'before');
    await page.locator('tr', { hasText: `${name}.default` }).getByRole('link', { name: 'Deactivate' }).click();
    await window.inspect('service-deactivate');
    assert.equal(await machine.call(access_token), 200, 'asking stops nothing');
    await page.click('#deactivate');
    await page.waitForSelector('[role=status]');
    assert.equal(await machine.call(access_token), 401, 'the token it has');
    const refused = await machine.token({ grant_type: 'client_credentials' });
    assert.equal(refused.error, 'unauthorized_client', 'and it gets no other');
    if (mode === 'scripts') {
      await page.fill('#text', name);
      await page.locator('#found').getByText('1 found.').waitFor();
      assert.equal(await page.locator('#found tbody tr').count(), 1, 'typing finds the member');
    }
  });
}

/** On paper there is nothing to press, and nothing dark. */
async function printed(window, mode) {
  const { page } = window;
  await t.check(`${mode}: a page prints without what can only be pressed`, async () => {
    await window.goto('/orgs/default/review');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    assert.equal(await page.locator('.button:visible, nav.menu:visible').count(), 0);
    const colour = await page.evaluate('getComputedStyle(document.body).color').catch(() => null);
    if (colour !== null) assert.equal(colour, 'rgb(26, 27, 33)', 'dark ink');
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  });
}

const { httpsPort, website, targets, stop } = await startTargets();
const site = new PartnerSite(website);
const browser = await launch(httpsPort);
let password = stack.one_time_password;
for (const mode of ['scripts', 'no-scripts']) {
  const ada = await Window.open(browser, mode);
  await signIn(ada, stack.email, password);
  password = PASSWORD;
  const carol = await customer(browser, mode, `customers-${mode}`);
  const app = await makes(ada, mode);
  await fromOnboarding(t, ada, mode, app, site);
  await tests(ada, mode, app);
  await strangerCannotAuthorizeDraft(carol, mode, app);
  await publishes(ada, mode, app);
  await publishedToo(t, ada, mode, app, site);
  const used = await customerUses(carol, mode, app, targets.https);
  await partnerAddsAPermission(ada, mode, app, used);
  await customerNarrowsAndRevokes(carol, mode, app, targets.https, used);
  await administratorBlocks(carol, ada, mode, app, targets.https);
  await switchesOff(ada, mode, app);
  await keepsIt(ada, mode, app);
  await asksForKeys(ada, mode, app);
  await uninstallsWithKeys(carol, mode, app, targets.https);
  await secondSite(browser, ada, mode, app, targets.https);
  await serviceUser(ada, mode);
  await printed(ada, mode);
  await ada.close();
  await carol.window.close();
}
await browser.close();
stop();
t.finish();
