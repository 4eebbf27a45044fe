// Pages that the other journeys pass by: home, devices, the queue of what waits for approval; and the ways that are not a mouse's.
import { assert, person, stack } from '../clients/checks.mjs';
import { Window } from './browser.mjs';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Presses of a key after which what is looked for is not there. */
const MOST_TABS = 80;
/** Pages of events behind which nobody looks for a sign-in. */
const MOST_LEAVES = 12;

async function post(path, body) {
  const json = !(body instanceof URLSearchParams);
  const headers = json ? { 'Content-Type': 'application/json' } : {};
  const response = await fetch(`${stack.public_url}${path}`, { method: 'POST', headers, body: json ? JSON.stringify(body) : body });
  return { status: response.status, ...(await response.json()) };
}

/** A device that waits for its user. */
async function waiting(name) {
  const client = await post('/oauth2/register', { client_name: name, grant_types: [DEVICE_GRANT], token_endpoint_auth_method: 'none' });
  const form = { client_id: client.client_id, scope: stack.prometheus_scope };
  const device = await post('/oauth2/device_authorization', new URLSearchParams(form));
  assert.equal(device.status, 200, JSON.stringify(device));
  const ask = { client_id: client.client_id, device_code: device.device_code, grant_type: DEVICE_GRANT };
  return { ...device, poll: () => post('/oauth2/token', new URLSearchParams(ask)) };
}

// With several organizations none is chosen for the person; the first one is as good as any here.
async function chooseFirst(page) {
  const organizations = page.locator('input[type=radio][name=org]');
  if ((await organizations.count()) > 0) await organizations.first().check();
}

export async function home(t, window, mode) {
  await t.check(`${mode}: home leads on`, async () => {
    await window.goto('/');
    await window.inspect('home');
    await window.page.locator('main a[href="/settings/applications"]').click();
    await window.page.waitForURL(/\/settings\/applications$/);
  });
}

export async function devices(t, window, mode) {
  const { page } = window;
  const decision = async (device) => {
    await page.goto(device.verification_uri_complete);
    await page.click('#continue');
    await page.waitForSelector('#approve');
  };
  await t.check(`${mode}: a device is connected by its code`, async () => {
    const device = await waiting(`television ${mode}`);
    await window.goto('/device');
    await window.inspect('device');
    await page.fill('#user_code', 'BBBB-BBBB');
    await page.click('#continue');
    await page.waitForSelector('[role=alert]');
    await window.inspect('device-unknown');
    await page.goto(device.verification_uri_complete);
    await window.inspect('device-linked');
    await decision(device);
    const words = await page.textContent('main');
    for (const told of [`television ${mode}`, device.user_code, stack.prometheus_scope]) assert.ok(words.includes(told), `the page tells ${told}`);
    await window.inspect('device-consent');
    await chooseFirst(page);
    await page.click('#approve');
    await page.waitForSelector('[role=status]');
    await window.inspect('device-connected');
    const tokens = await device.poll();
    assert.equal(tokens.status, 200, JSON.stringify(tokens));
  });
  await t.check(`${mode}: a device that is not allowed gets nothing`, async () => {
    const device = await waiting(`refrigerator ${mode}`);
    await decision(device);
    await page.click('#deny');
    await page.waitForSelector('[role=status]');
    await window.inspect('device-denied');
    assert.equal((await device.poll()).error, 'access_denied');
  });
}

async function newClients(window, answer) {
  await window.goto('/orgs/default/applications');
  await window.page.locator(`input[name=new-clients][value=${answer}]`).check();
  await window.page.click('#save-new-clients');
  // Before new applications wait it asks once more.
  if (answer === 'approval') await window.page.click('#save-surely');
  await window.page.waitForSelector('[role=status]');
}

/** A member asks for an application that an administrator approves first. */
export async function approvals(t, window, mode, target) {
  const { page } = window;
  const name = `to be approved ${mode}`;
  await t.check(`${mode}: an application waits for an administrator, who approves it`, async () => {
    await newClients(window, 'approval');
    await window.inspect('org-applications-approval');
    const { authorize_url } = await person('client', { name, redirect_uri: target.redirectUri });
    await page.goto(authorize_url);
    await window.inspect('consent-approval');
    await chooseFirst(page);
    await page.click('#approve');
    await page.getByText('Yours were told').waitFor();
    await window.inspect('consent-waits');
    await window.goto('/orgs/default/applications');
    const queue = page.locator('section', { has: page.locator('#waiting') });
    assert.ok((await queue.textContent()).includes(name), 'it is at the top');
    await window.inspect('org-applications-waiting');
    await queue.locator('li', { hasText: name }).locator('button[id^="approve-"]').click();
    await page.waitForLoadState();
    assert.equal(await page.locator('li', { hasText: name }).locator('button[id^="approve-"]').count(), 0, 'it waits no more');
    await newClients(window, 'open');
    await page.goto(authorize_url);
    await chooseFirst(page);
    const answer = await target.arrived(page, () => page.click('#approve', { noWaitAfter: true }));
    assert.ok(answer.get('code'));
    window.assertClean();
  });
}

/** Goes on with the Tab key alone until the focus is on what is looked for; every stop must be seen. */
export async function tabTo(page, selector, most = MOST_TABS) {
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press('Tab');
    const [there, seen, what] = await page.evaluate((wanted) => {
      const at = document.activeElement;
      // A box is marked with the whole line that it stands in.
      const marked = [at, at.closest('label') ?? at].some((element) => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
      });
      return [at.matches(wanted), at === document.body || marked, at.outerHTML.slice(0, 120)];
    }, selector);
    assert.ok(seen, `the focus can be seen on ${what}`);
    if (there) return;
  }
  throw new Error(`${selector} is out of the keyboard's reach on ${page.url()}`);
}

/** Acts in a window of its own, and closes it whatever comes of it. */
async function inWindow(browser, mode, act) {
  const window = await Window.open(browser, mode);
  try {
    await act(window, window.page);
    window.assertClean();
  } finally {
    await window.close();
  }
}

/** Signs in, allows and revokes without a pointer. */
export async function keyboard(t, browser, mode, password, target) {
  const name = `by keyboard ${mode}`;
  await t.check(`${mode}: the keyboard alone signs in, allows and revokes`, () =>
    inWindow(browser, mode, async (window, page) => {
      const { authorize_url } = await person('client', { name, redirect_uri: target.redirectUri });
      await page.goto(authorize_url);
      await tabTo(page, '#email');
      await page.keyboard.type(stack.email);
      await tabTo(page, '#password');
      await page.keyboard.type(password);
      await page.keyboard.press('Enter');
      await page.waitForSelector('#approve');
      if ((await page.locator('input[type=radio][name=org]').count()) > 0) {
        await tabTo(page, 'input[type=radio][name=org]');
        await page.keyboard.press('Space');
      }
      await tabTo(page, '#approve');
      const answer = await target.arrived(page, () => page.keyboard.press('Enter'));
      assert.ok(answer.get('code'));
      await window.goto('/settings/applications');
      const entry = page.locator('li', { has: page.getByRole('heading', { name, exact: true }) });
      const id = await entry.locator('button[id^="revoke-"]').getAttribute('id');
      await tabTo(page, `[id="${id}"]`);
      await page.keyboard.press('Enter');
      await page.waitForSelector('[role=status]');
      assert.equal(await entry.count(), 0, 'the entry is gone');
    }),
  );
  await decidedByKeys(t, browser, mode, password, target);
}

/** Leafs back until a sign-in is told: much may have happened since. */
async function signedIn(window) {
  const { page } = window;
  for (let leaves = 0; leaves < MOST_LEAVES; leaves += 1) {
    if ((await page.locator('main tbody tr', { hasText: 'You signed in' }).count()) > 0) return;
    const older = page.locator('.pager a[rel=next]');
    assert.equal(await older.count(), 1, 'a sign-in is on a page, or there are older ones');
    await window.goto(await older.getAttribute('href'));
  }
  throw new Error(`no sign-in on ${MOST_LEAVES} pages`);
}

/** What happened to an account is on a page of its own, from the applications and the sessions. */
export async function events(t, window, mode) {
  const { page } = window;
  await t.check(`${mode}: a person reads what happened to their account`, async () => {
    for (const from of ['applications', 'sessions']) {
      await window.goto(`/settings/${from}`);
      await page.getByRole('link', { name: 'Security events' }).first().click();
      await page.waitForURL(/\/settings\/events$/);
    }
    await window.inspect('events');
    await signedIn(window);
  });
}

/** An administrator decides by keys alone: links and buttons by Enter, boxes by Space. */
async function decidedByKeys(t, browser, mode, password, target) {
  const name = `by keys ${mode}`;
  await t.check(`${mode}: the keyboard alone restricts, blocks, allows and revokes an application`, () =>
    inWindow(browser, mode, async (window, page) => {
      const press = async (selector) => {
        await tabTo(page, selector);
        await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
      };
      const told = () => page.waitForSelector('.notice.done[role=status]');
      await window.goto('/login');
      await tabTo(page, '#email');
      await page.keyboard.type(stack.email);
      await tabTo(page, '#password');
      await page.keyboard.type(password);
      await page.keyboard.press('Enter');
      await page.waitForSelector('#sign-out');
      const { authorize_url } = await person('client', { name, redirect_uri: target.redirectUri });
      await window.inTab(async (tab) => {
        await tab.page.goto(authorize_url);
        await chooseFirst(tab.page);
        await target.arrived(tab.page, () => tab.page.click('#approve', { noWaitAfter: true }));
      });
      await window.goto(`/orgs/default/applications?text=${encodeURIComponent(name)}`);
      await press('#found a.name');
      await page.waitForSelector('#ask-block');
      const box = page.locator('input[name=scope]').first();
      await tabTo(page, 'input[name=scope]');
      await page.keyboard.press('Space');
      assert.equal(await box.isChecked(), false, 'Space unticks a box');
      await press('#restrict');
      await press('#restrict-surely');
      await told();
      await press('#unrestrict');
      await told();
      await press('#ask-block');
      assert.equal(await page.locator('[role=alert] #block').count(), 1, 'it asks once more, and says so');
      // What asks once more is left by its link; nothing keeps the focus.
      await press('[role=alert] a');
      assert.equal(await page.locator('[role=alert]').count(), 0, 'left');
      await press('#ask-block');
      await press('#block');
      await told();
      await press('#allow');
      await told();
      await press('#ask-revoke-all');
      await press('#revoke-all');
      await told();
    }),
  );
}

/** What is shown once can be copied; without scripts it can be selected, and no button pretends more. */
export async function copying(t, window, mode) {
  const { page } = window;
  const email = `copied-${mode}@example.test`;
  await t.check(`${mode}: an invitation's link is copied`, async () => {
    await window.goto('/orgs/default/members');
    await page.fill('#email', email);
    await page.click('#invite');
    const link = await page.textContent('#invitation-link');
    const button = page.locator('button[data-copy="invitation-link"]');
    if (mode === 'scripts') {
      await window.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stack.public_url });
      const words = await button.getAttribute('data-copied');
      await button.click();
      await page.getByRole('button', { name: words, exact: true }).waitFor();
      assert.equal(await page.evaluate('navigator.clipboard.readText()'), link);
      await window.context.clearPermissions();
    } else {
      assert.equal(await button.isVisible(), false, 'no button that does nothing');
    }
    await window.goto('/orgs/default/members');
    await page.locator('li, tr', { hasText: email }).locator('button[id^="withdraw-"]').click();
    await page.waitForSelector('[role=status]');
    window.assertClean();
  });
}
