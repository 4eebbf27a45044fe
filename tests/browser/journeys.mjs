// What a person does with the pages in Chromium, once with scripts and once without.
import { assert, mcpInitialize, person, stack, suite } from '../clients/checks.mjs';
import { HTTPS_HOST, launch, Window } from './browser.mjs';
import { approvals, copying, devices, home, keyboard } from './corners.mjs';
import { lists } from './lists.mjs';
import { machines } from './machines.mjs';
import { startTargets } from './targets.mjs';

const PASSWORD = 'a password of my own choosing 1';
const t = suite('browser');

/** Opens an authorization request of a new client. */
async function ask(name, redirectUri) {
  return person('client', { name, redirect_uri: redirectUri });
}

async function submitLogin(page, password) {
  await page.fill('#email', stack.email);
  await page.fill('#password', password);
  await page.click('#sign-in');
}

async function login(window, mode) {
  const { page } = window;
  await t.check(`${mode}: login page`, async () => {
    await window.goto('/login');
    await window.inspect('login');
  });
  await t.check(`${mode}: a wrong password is refused without saying what was wrong`, async () => {
    await submitLogin(page, 'certainly wrong');
    assert.match(await page.textContent('[role=alert]'), /\S/);
    assert.ok(await page.isVisible('#sign-in'), 'login form shown again');
    await window.inspect('login-wrong');
  });
  if (mode === 'scripts') {
    await t.check(`${mode}: the one-time password must be changed`, async () => {
      await submitLogin(page, stack.one_time_password);
      await page.waitForSelector('#new-password');
      await window.inspect('password');
      await page.fill('#current-password', stack.one_time_password);
      await page.fill('#new-password', PASSWORD);
      await page.click('#change-password');
      await page.waitForSelector('#sign-out');
      await person('password', { password: PASSWORD });
    });
  } else {
    await t.check(`${mode}: the right password signs in`, async () => {
      await submitLogin(page, PASSWORD);
      await page.waitForSelector('#sign-out');
      await window.goto('/password');
      await window.inspect('password-chosen');
      await window.goto('/');
    });
  }
}

async function consent(window, mode, targets) {
  for (const [kind, target] of Object.entries(targets)) {
    await t.check(`${mode}: consent sends the browser to a ${kind} target with a code`, () =>
      window.inTab((tab) => approve(tab, `${kind} app ${mode}`, kind, target)),
    );
    await t.check(`${mode}: not allowing sends access_denied to a ${kind} target`, () =>
      window.inTab((tab) => deny(tab, `${kind} app ${mode} denied`, target)),
    );
  }
}

// With several organizations none is chosen for the person; the first one is as good as any here.
async function allow(page) {
  const organizations = page.locator('input[type=radio][name=org]');
  if ((await organizations.count()) > 0) await organizations.first().check();
  await page.click('#approve', { noWaitAfter: true });
}

async function approve(window, name, kind, target) {
  const { page } = window;
  const { client_id, authorize_url, state } = await ask(name, target.redirectUri);
  await page.goto(authorize_url);
  const words = await page.textContent('main');
  for (const told of [name, stack.prometheus_scope, stack.email]) assert.ok(words.includes(told), `the page tells ${told}`);
  await window.inspect(`consent-${kind}`);
  const answer = await target.arrived(page, () => allow(page));
  assert.equal(answer.get('state'), state);
  assert.equal(answer.get('iss'), stack.public_url);
  window.assertClean();
  const tokens = await person('redeem', { client_id, callback: `${target.redirectUri}?${answer}` });
  assert.ok(tokens.access_token, 'the code is good');
}

async function deny(window, name, target) {
  const { page } = window;
  const { authorize_url, state } = await ask(name, target.redirectUri);
  await page.goto(authorize_url);
  const answer = await target.arrived(page, () => page.click('#deny', { noWaitAfter: true }));
  assert.equal(answer.get('error'), 'access_denied');
  assert.equal(answer.get('state'), state);
  window.assertClean();
}

async function consentFromLogin(browser, mode, targets) {
  await t.check(`${mode}: an authorization request leads through login to consent`, async () => {
    const window = await Window.open(browser, mode);
    const { authorize_url } = await ask(`from login ${mode}`, targets.loopback.redirectUri);
    await window.page.goto(authorize_url);
    assert.ok((await window.page.textContent('main')).includes(`from login ${mode}`), 'login names the application');
    await submitLogin(window.page, PASSWORD);
    await window.page.waitForSelector('#approve');
    const answer = await targets.loopback.arrived(window.page, () => allow(window.page));
    assert.ok(answer.get('code'));
    window.assertClean();
    await window.close();
  });
}

async function picker(window, mode, targets, organization) {
  const { page } = window;
  await t.check(`${mode}: with two organizations the person chooses one`, async () => {
    const name = `picker ${mode}`;
    const { client_id, authorize_url } = await ask(name, targets.loopback.redirectUri);
    await page.goto(authorize_url);
    assert.equal(await page.locator('input[type=radio][name=org]').count(), 2, 'organizations offered');
    await window.inspect('organizations');
    await page.getByText(organization.name, { exact: true }).click();
    const answer = await targets.loopback.arrived(page, () => page.click('#approve', { noWaitAfter: true }));
    await person('redeem', { client_id, callback: `${targets.loopback.redirectUri}?${answer}` });
    await window.goto('/settings/applications');
    const entry = page.locator('li', { hasText: name }).first();
    assert.ok((await entry.textContent()).includes(organization.name), 'the grant is in the chosen organization');
  });
}

async function applications(window, mode) {
  const { page } = window;
  await t.check(`${mode}: applications page tells what each may do`, async () => {
    await window.goto('/settings/applications');
    const words = await page.textContent('main');
    for (const told of [`loopback app ${mode}`, stack.prometheus_scope]) assert.ok(words.includes(told), `the page tells ${told}`);
    await window.inspect('applications');
  });
  await t.check(`${mode}: revoked there, the token's next call gets 401`, async () => {
    const name = `to be revoked ${mode}`;
    const { access_token, resource } = await person('token', { name, path: stack.own_path });
    assert.equal((await mcpInitialize(resource, access_token)).status, 200, 'status before');
    await window.goto('/settings/applications');
    const entry = page.locator('li', { has: page.getByRole('heading', { name, exact: true }) });
    await entry.locator('button[id^="revoke-"]').click();
    await page.waitForSelector('[role=status]');
    assert.equal((await mcpInitialize(resource, access_token)).status, 401, 'status after');
    assert.equal(await entry.count(), 0, 'the entry is gone');
    await window.inspect('applications-revoked');
  });
}

async function audit(window, mode) {
  const { page } = window;
  const name = `audited ${mode}`;
  await t.check(`${mode}: audit page shows the calls`, async () => {
    const { access_token, resource } = await person('token', { name, path: stack.prometheus_path });
    const call = () => fetch(`${resource}/api/v1/query?query=up`, { headers: { Authorization: `Bearer ${access_token}` } });
    assert.equal((await call()).status, 200);
    await window.goto('/settings/applications');
    // Who reads the logs of several organizations finds them behind one menu entry.
    const menu = page.locator('nav.menu summary');
    if ((await menu.count()) > 0) await menu.first().click();
    await page.locator('nav.menu a[href^="/orgs/"]').first().click();
    await page.waitForSelector('table.records');
    await window.inspect('audit');
  });
  await t.check(`${mode}: the filter narrows the list and lives in the URL`, async () => {
    await page.locator('details summary', { hasText: 'Application' }).click();
    await page.fill('#client', name);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/client=/);
    const rows = page.locator('table.records tbody tr');
    assert.ok((await rows.count()) > 0, 'rows found');
    for (const row of await rows.allTextContents()) assert.ok(row.includes(name), `row of another application: ${row}`);
    await window.inspect('audit-filtered');
  });
  await t.check(`${mode}: the filtered set downloads`, async () => {
    for (const format of ['NDJSON', 'CSV']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: format }).click()]);
      const chunks = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk);
      const lines = Buffer.concat(chunks).toString().trim().split('\n');
      assert.ok(lines.length > 0 && lines[0].length > 2, `${format} has content`);
      if (format === 'NDJSON') for (const line of lines) assert.ok(JSON.parse(line), 'each line is JSON');
    }
  });
  await t.check(`${mode}: a record opens with every field`, async () => {
    await page.locator('table.records tbody a').first().click();
    await page.waitForSelector('dl');
    assert.ok((await page.textContent('main')).includes(name), 'the record names the application');
    await window.inspect('record');
  });
  await t.check(`${mode}: a filter that matches nothing says so`, async () => {
    await page.goBack();
    await page.fill('#text', 'no-such-thing-anywhere');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/no-such-thing/);
    await window.inspect('audit-empty');
  });
}

/** An administrator blocks an application, everybody's tokens of it stop; allowed again, they go on. */
async function thirdParties(window, mode) {
  const { page } = window;
  const name = `to be blocked ${mode}`;
  await t.check(`${mode}: an administrator blocks an application and its tokens stop`, async () => {
    const { access_token, resource } = await person('token', { name, path: stack.own_path });
    const status = async () => (await mcpInitialize(resource, access_token)).status;
    assert.equal(await status(), 200, 'status before');
    await window.goto('/orgs/default/applications');
    await window.inspect('org-applications');
    await page.getByRole('link', { name, exact: true }).click();
    await window.inspect('org-application');
    await page.click('#ask-block');
    await window.inspect('org-application-confirm');
    assert.equal(await status(), 200, 'asking blocks nothing');
    await page.click('#block');
    await page.waitForSelector('[role=status]');
    assert.equal(await status(), 401, 'status of the next call');
    await window.inspect('org-application-blocked');
    await page.click('#allow');
    await page.waitForSelector('[role=status]');
    assert.equal(await status(), 200, 'status after it was allowed again');
    for (const box of await page.locator('input[name=scope]').all()) await box.uncheck();
    await page.click('#restrict');
    await page.click('#restrict-surely');
    await page.waitForSelector('[role=status]');
    assert.notEqual(await status(), 200, 'status without its scope');
    await page.click('#unrestrict');
    await page.waitForSelector('[role=status]');
    assert.equal(await status(), 200, 'status without the restriction');
    await page.click('#ask-revoke-all');
    await page.click('#revoke-all');
    await page.waitForSelector('[role=status]');
    assert.equal(await status(), 401, 'status after everybody was revoked');
  });
  await t.check(`${mode}: the access review lists who authorized what`, async () => {
    await window.goto('/orgs/default/review');
    assert.ok((await page.textContent('main')).includes(stack.email));
    await window.inspect('review');
  });
}

/** An administrator invites somebody, who makes an account, joins, and is removed. */
async function members(browser, window, mode) {
  const { page } = window;
  const email = `grace-${mode}@example.test`;
  await t.check(`${mode}: an invited person makes an account and joins`, async () => {
    await window.goto('/orgs/default/members');
    await page.fill('#email', email);
    await page.check('#invite-viewer');
    await page.click('#invite');
    await window.inspect('members-invited');
    const link = await page.textContent('#invitation-link');
    const guest = await Window.open(browser, mode);
    await guest.page.goto(link);
    await guest.inspect('invitation');
    await guest.page.fill('#name', 'Grace');
    await guest.page.fill('#new-password', PASSWORD);
    await guest.page.click('#accept');
    await guest.page.fill('#email', email);
    await guest.page.fill('#password', PASSWORD);
    await guest.page.click('#sign-in');
    await guest.page.waitForSelector('#sign-out');
    assert.equal((await guest.page.goto(link)).status(), 404, 'the link is good once');
    assert.equal((await guest.goto('/orgs/default/members')).status(), 404, 'a viewer sees no members');
    await guest.close();
  });
  await t.check(`${mode}: an administrator changes and removes a member`, async () => {
    await window.goto('/orgs/default/members');
    await page.locator('tr', { hasText: email }).getByRole('link', { name: 'Change' }).click();
    await window.inspect('member');
    await page.click('#ask-remove');
    await window.inspect('member-confirm');
    await page.click('#remove');
    await page.waitForSelector('[role=status]');
    assert.equal(await page.locator('tr', { hasText: email }).count(), 0);
  });
}

const command = (...words) => person('administer', { arguments: words });

/** A person whom the command line made an operator freezes an application and a user, and decides about a private scope. */
async function operator(window, mode) {
  const { page } = window;
  const name = `to be frozen ${mode}`;
  const email = `frost-${mode}@example.test`;
  await t.check(`${mode}: nobody finds the operator's pages but an operator`, async () => {
    const nothing = await (await window.goto('/operations')).text();
    const hidden = await window.goto('/operator/organizations');
    const told = (html) => html.replaceAll(/req_[\w-]+/g, '');
    assert.equal(hidden.status(), 404);
    assert.equal(told(await hidden.text()), told(nothing));
    await command('user', 'operator', 'add', stack.email);
    await window.goto('/settings/applications');
    await page.getByRole('link', { name: 'Operator', exact: true }).click();
    await window.inspect('operator-organizations');
    await page.fill('#slug', 'default');
    await page.click('#create');
    await page.waitForSelector('[role=alert]');
    await window.inspect('operator-organization-taken');
    await page.fill('#slug', `frost-${mode}`);
    await page.fill('#name', 'Frost & Söhne');
    await page.click('#create');
    await page.waitForSelector('#org-id');
    await page.click('#ask-freeze');
    await window.inspect('operator-organization-confirm');
    await page.click('#freeze');
    await page.waitForSelector('[role=status]');
    await window.inspect('operator-organization-frozen');
    await window.goto('/operator/shadow');
    await window.inspect('operator-shadow');
  });
  await t.check(`${mode}: an operator freezes an application, and it goes on thawed`, async () => {
    const { access_token, resource } = await person('token', { name, path: stack.own_path });
    const status = async () => (await mcpInitialize(resource, access_token)).status;
    await window.goto('/operator/clients');
    await window.inspect('operator-clients');
    await page.fill('#text', name);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name, exact: true }).click();
    await window.inspect('operator-client');
    await page.click('#ask-freeze');
    await window.inspect('operator-client-confirm');
    assert.equal(await status(), 200, 'asking freezes nothing');
    await page.click('#freeze');
    await page.waitForSelector('[role=status]');
    assert.equal(await status(), 401, 'status of the next call');
    await page.click('#thaw');
    await page.waitForSelector('#ask-freeze');
    assert.equal(await status(), 200, 'status of the same token afterwards');
  });
  await t.check(`${mode}: an operator freezes a user`, async () => {
    await command('user', 'create', email);
    await window.goto('/operator/users');
    await window.inspect('operator-users');
    await page.fill('#text', email);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name: email }).click();
    await window.inspect('operator-user');
    await page.click('#ask-freeze');
    await window.inspect('operator-user-confirm');
    await page.click('#freeze');
    await page.waitForSelector('#thaw');
    await window.inspect('operator-user-frozen');
    assert.match((await command('user', 'show', email)).output, /frozen/);
  });
  await t.check(`${mode}: an operator gives a private scope and takes it back`, async () => {
    const made = await command('client', 'create', 'Acme agent', '--kind', 'confidential', '--redirect-uri', 'https://agent.example/callback', '--json');
    const { id } = JSON.parse(made.output).client;
    await command('app', 'scopes', 'request', id, 'api_keys:write', '--reason', 'Hosts push where nobody can sign in.');
    await window.goto('/operator/scopes');
    await window.inspect('operator-scopes');
    await page.locator(`a.name[href*="${id}"]`).click();
    await window.inspect('operator-scope');
    await page.click('#deny');
    await page.waitForSelector('[role=alert]');
    await page.check('#lives-30');
    await page.click('#approve');
    await page.waitForSelector('[role=status]');
    await page.click('#ask-withdraw');
    await window.inspect('operator-scope-confirm');
    await page.click('#withdraw');
    await page.waitForSelector('[role=status]');
    await window.inspect('operator-scope-withdrawn');
    await command('user', 'operator', 'remove', stack.email);
    assert.equal((await window.goto('/operator/scopes')).status(), 404, 'taken at the next request');
  });
}

/** A person looks at one application closely, and at the browsers in which they are signed in. */
async function ownSettings(browser, window, mode) {
  const { page } = window;
  const name = `looked at ${mode}`;
  await t.check(`${mode}: a person sees what an application did and ends it there`, async () => {
    const { access_token, resource } = await person('token', { name, path: stack.prometheus_path });
    const call = () => fetch(`${resource}/api/v1/query?query=up`, { headers: { Authorization: `Bearer ${access_token}` } });
    assert.equal((await call()).status, 200);
    await window.goto('/settings/applications');
    await page.locator('li', { has: page.getByRole('heading', { name, exact: true }) }).getByRole('link', { name: 'Details' }).click();
    await page.waitForSelector('table.records');
    await window.inspect('grant');
    await page.locator('button[id^="revoke-"]').click();
    await page.waitForSelector('[role=status]');
    assert.equal((await call()).status, 401, 'status after revoking there');
  });
  await t.check(`${mode}: a person ends the sessions of other browsers`, async () => {
    const other = await Window.open(browser, mode);
    await other.goto('/login');
    await submitLogin(other.page, PASSWORD);
    await other.page.waitForSelector('#sign-out');
    await window.goto('/settings/sessions');
    await window.inspect('sessions');
    await page.click('#end-others');
    await page.waitForSelector('[role=status]');
    await other.goto('/settings/sessions');
    await other.page.waitForSelector('#sign-in');
    await other.close();
  });
}

async function errors(window, mode, targets) {
  const { page } = window;
  const cases = {
    'unknown client': '/oauth2/authorize?response_type=code&client_id=nobody&redirect_uri=https%3A%2F%2Fapp.example.test%2Fcb&state=s',
    'no such page': '/no-such-page',
    'no such organization': '/orgs/no-such-organization/audit',
  };
  for (const [what, path] of Object.entries(cases)) {
    await t.check(`${mode}: error page: ${what}`, async () => {
      const response = await window.goto(path);
      assert.ok(response.status() >= 400 && response.status() < 500, `status ${response.status()}`);
      assert.ok(page.url().startsWith(stack.public_url), 'stays here');
      // Chromium logs every 4xx answer to a navigation; that is no violation.
      await window.inspect(`error-${what.replaceAll(' ', '-')}`);
    });
  }
  await t.check(`${mode}: a changed redirect is never followed`, async () => {
    const { authorize_url } = await ask(`changed ${mode}`, targets.https.redirectUri);
    const url = new URL(authorize_url);
    url.searchParams.set('redirect_uri', `${targets.https.redirectUri}/elsewhere`);
    const response = await page.goto(url.href);
    assert.equal(response.status(), 400);
    assert.ok(page.url().startsWith(stack.public_url), 'stays here');
  });
}

async function headers(mode, window) {
  await t.check(`${mode}: every page refuses framing, sniffing and storing`, async () => {
    for (const path of ['/login', '/settings/applications', '/settings/sessions', '/orgs/default/applications', '/orgs/default/members', '/orgs/default/machines', '/no-such-page']) {
      const response = await window.goto(path);
      const sent = response.headers();
      assert.match(sent['content-security-policy'], /frame-ancestors 'none'/, path);
      assert.doesNotMatch(sent['content-security-policy'], /unsafe-/, path);
      assert.equal(sent['x-content-type-options'], 'nosniff', path);
      assert.match(sent['cache-control'], /no-store/, path);
    }
  });
}

/** Gives a tab a page of another site. */
async function strangerPage(tab, body) {
  const url = `https://${HTTPS_HOST}/stranger`;
  await tab.page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Stranger</title>${body}` }));
  await tab.page.goto(url);
}

async function strangers(window, mode) {
  await t.check(`${mode}: another site cannot frame a page`, () =>
    window.inTab(async (tab) => {
      await strangerPage(tab, `<iframe src="${stack.public_url}/settings/applications"></iframe>`);
      const frame = tab.page.frames()[1];
      assert.ok(!frame.url().startsWith(stack.public_url), `the frame shows ${frame.url()}`);
    }),
  );
  await t.check(`${mode}: another site's form cannot sign a person in`, () =>
    window.inTab(async (tab) => {
      const inputs = { email: stack.email, password: PASSWORD, 'sign-in': '1' };
      const fields = Object.entries(inputs).map(([name, value]) => `<input name="${name}" value="${value}">`);
      await strangerPage(tab, `<form method="post" action="${stack.public_url}/login">${fields.join('')}<button id="go">Go</button></form>`);
      const answered = tab.page.waitForResponse((response) => response.request().method() === 'POST');
      await tab.page.click('#go', { noWaitAfter: true });
      const answer = await answered;
      assert.ok(answer.status() >= 400 && answer.status() < 500, `status ${answer.status()}`);
    }),
  );
}

async function signOut(window, mode) {
  await t.check(`${mode}: signing out ends the session`, async () => {
    await window.goto('/settings/applications');
    await window.page.click('#sign-out');
    await window.page.waitForSelector('[role=status]');
    await window.inspect('home-signed-out');
    await window.goto('/settings/applications');
    await window.page.waitForSelector('#sign-in');
    window.assertClean();
  });
}

/** The watching itself must be able to see something. */
async function watcher(browser, targets) {
  await t.check('the watcher sees a form that its policy stops', async () => {
    const window = await Window.open(browser, 'no-scripts');
    await window.page.route(`${stack.public_url}/watch`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        headers: { 'Content-Security-Policy': "default-src 'none'; form-action 'self'" },
        body: `<!doctype html><form method="post" action="${targets.loopback.redirectUri}"><button id="go">Go</button></form>`,
      }),
    );
    await window.goto('/watch');
    const seen = window.page.waitForEvent('console');
    await window.page.click('#go', { noWaitAfter: true });
    await seen;
    assert.throws(() => window.assertClean());
    await assert.rejects(window.inspect('watcher'));
    await window.close();
  });
  await t.check('scripts are off where they should be', async () => {
    const titles = [];
    for (const mode of ['scripts', 'no-scripts']) {
      const window = await Window.open(browser, mode);
      const body = '<!doctype html><html lang="en"><title>off</title><main><h1>Scripts</h1></main><script>document.title = "on"</script>';
      await window.page.route(`${stack.public_url}/watch`, (route) => route.fulfill({ contentType: 'text/html', body }));
      await window.goto('/watch');
      await window.inspect('watcher');
      await window.goto('/watch');
      titles.push(await window.page.title());
      await window.close();
    }
    assert.deepEqual(titles, ['on', 'off']);
  });
}

const { httpsPort, targets, stop } = await startTargets();
const browser = await launch(httpsPort);
await watcher(browser, targets);
let organization;
for (const mode of ['scripts', 'no-scripts']) {
  const window = await Window.open(browser, mode);
  await login(window, mode);
  await consent(window, mode, targets);
  await consentFromLogin(browser, mode, targets);
  await home(t, window, mode);
  await devices(t, window, mode);
  await applications(window, mode);
  await audit(window, mode);
  await ownSettings(browser, window, mode);
  await thirdParties(window, mode);
  await approvals(t, window, mode, targets.loopback);
  await members(browser, window, mode);
  await machines(t, window, mode);
  await lists(t, window, mode);
  await copying(t, window, mode);
  if (mode === 'scripts') await keyboard(t, browser, mode, PASSWORD, targets.loopback);
  await operator(window, mode);
  await errors(window, mode, targets);
  await headers(mode, window);
  await t.check(`${mode}: a second organization can be added beside the running gateway`, async () => {
    organization ??= await person('organization');
  });
  await picker(window, mode, targets, organization);
  await strangers(window, mode);
  await signOut(window, mode);
  await window.close();
}
await browser.close();
stop();
t.finish();
