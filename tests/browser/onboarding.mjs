// Test authorization with a running app: a member starts where a customer does, at the onboarding URL, and ends on the app's page.
import { assert, claims, stack } from '../clients/checks.mjs';
import { CONNECTED, ONBOARDING } from './partner_site.mjs';

/** Allows what is asked, in an organization that is named by its slug. */
async function allow(page, slug) {
  await page.waitForSelector('#approve');
  const choice = page.locator('label.choice', { has: page.locator('code', { hasText: new RegExp(`^${slug}$`) }) });
  if ((await choice.count()) > 0) await choice.click();
  await page.click('#approve', { noWaitAfter: true });
}

/** From a link of the gateway's pages to the app's own: the onboarding URL, the app, the consent page. */
async function goesThere(tab, link, decide) {
  const { page } = tab;
  await page.click(link);
  await page.waitForSelector('#connect');
  const start = new URL(page.url());
  assert.equal(start.origin + start.pathname, ONBOARDING);
  assert.equal(start.searchParams.get('iss'), stack.public_url, 'the app learns where its customer comes from');
  assert.equal(await page.textContent('#site'), new URL(stack.public_url).host);
  await page.click('#connect');
  await page.waitForSelector('#approve');
  assert.ok(page.url().startsWith(stack.public_url), 'the app sent them to the authorization endpoint');
  await decide(page);
  await page.waitForURL((url) => url.href.startsWith(CONNECTED));
}

/** What the app shows of what it was given: masked, decoded, and used. */
async function givenTo(page, site, clientId) {
  await page.waitForSelector('#first-call');
  const response = JSON.parse(await page.textContent('#response'));
  assert.equal(response.token_type, 'Bearer');
  assert.match(response.access_token, /^….{4}$/);
  const said = JSON.parse(await page.textContent('#claims'));
  assert.equal(said.client_id, clientId);
  assert.equal(said.iss, stack.public_url);
  assert.equal(said.sub, claims(site.tokens.access_token).sub);
  assert.ok(said.scope.split(' ').includes(stack.prometheus_scope), said.scope);
  assert.equal(await page.textContent('#first-call'), '200 success');
  assert.ok(!(await page.content()).includes(site.tokens.access_token), 'the token is not on the page');
}

/** Ends what a test with the running app was given: it is an authorization like any other. */
async function ends(window, name) {
  const { page } = window;
  await window.goto('/settings/applications');
  await page.locator('li', { has: page.getByRole('heading', { name, exact: true }) }).locator('button[id^="revoke-"]').click();
  await page.waitForSelector('[role=status]');
}

/** With the draft: from the app's page and from the page of the test, allowed and not. */
export async function fromOnboarding(t, window, mode, app, site) {
  await t.check(`${mode}: from the onboarding URL on, a member goes the customer's way and the app shows what it was given`, async () => {
    site.use(app.draft);
    await window.inTab(async (tab) => {
      await tab.page.goto(app.page);
      await goesThere(tab, '#test-authorization', (page) => allow(page, 'default'));
      await givenTo(tab.page, site, app.draft.clientId);
    });
    await ends(window, app.name);
  });
  await t.check(`${mode}: not allowed, the app is told so on its own page`, () =>
    window.inTab(async (tab) => {
      await tab.page.goto(`${app.page}/test`);
      await goesThere(tab, '#onboarding-draft', (page) => page.click('#deny', { noWaitAfter: true }));
      assert.equal(await tab.page.textContent('#error'), 'access_denied');
    }),
  );
  await t.check(`${mode}: the app starts nothing with a gateway that it does not know`, () =>
    window.inTab(async ({ page }) => {
      const answer = await page.goto(`${ONBOARDING}?iss=https%3A%2F%2Fevil.test&site=evil.test`);
      assert.equal(answer.status(), 400);
      assert.equal(await page.locator('#connect').count(), 0);
    }),
  );
}

/** With the published client: by the app that runs with its new credentials, and without any code. */
export async function publishedToo(t, window, mode, app, site) {
  const { page } = window;
  await t.check(`${mode}: the published client is tested from the onboarding URL with its own credentials`, async () => {
    site.use(app.published);
    await window.inTab(async (tab) => {
      await tab.page.goto(`${app.page}/test`);
      await goesThere(tab, '#onboarding-published', (there) => allow(there, 'default'));
      await givenTo(tab.page, site, app.published.clientId);
    });
    await ends(window, app.name);
  });
  await t.check(`${mode}: the published client is tested from here, without any code`, async () => {
    await page.goto(`${app.page}/test`);
    await window.inspect('app-test-both');
    await page.click('#begin-published');
    await allow(page, 'default');
    await page.waitForSelector('#first-call');
    const words = await page.textContent('main');
    for (const told of [app.published.clientId, '"access_token": "…', stack.email]) assert.ok(words.includes(told), told);
    assert.ok(!(await page.content()).includes('eyJ'), 'no token is on the page');
    await page.locator('#route').selectOption({ label: `GET ${stack.prometheus_path}/api/v1/query` });
    await page.fill('#query', 'query=up');
    await page.click('#call');
    await page.waitForSelector('#called');
    assert.match(await page.textContent('#called'), /200 OK/);
    await page.click('#end');
    await page.waitForSelector('[role=status]');
  });
}
