// An administrator gives a program access: a machine client from its form to the day its service user is deactivated.
import { assert, stack } from '../clients/checks.mjs';

/** What the token endpoint says to a machine client. */
async function token(endpoint, id, secret) {
  const headers = { Authorization: `Basic ${btoa(`${id}:${secret}`)}` };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const response = await fetch(endpoint, { method: 'POST', headers, body });
  return { status: response.status, ...(await response.json()) };
}

/** The status of a call through the gate. */
async function call(access) {
  const url = `${stack.public_url}${stack.prometheus_path}/api/v1/query?query=up`;
  return (await fetch(url, { headers: { Authorization: `Bearer ${access}` } })).status;
}

/** The permission `scope`, found among all others. */
async function tick(page, mode, scope) {
  await page.fill('#find', scope);
  if (mode === 'no-scripts') await page.click('#search');
  const box = page.locator(`[id="scope-${scope}"]`);
  await box.check();
  assert.equal(await page.locator('label:visible:has(input[name=scopes])').count(), 1, 'what does not match is not in the way');
}

async function made(window, mode, service) {
  const { page } = window;
  await window.goto('/orgs/default/members');
  await page.fill('#service', service);
  await page.check('#service-viewer');
  await page.click('#add-service');
  await page.waitForSelector('[role=status]');
  await page.getByRole('link', { name: 'Machine clients', exact: true }).click();
  await window.inspect('machines-empty');
  await page.getByRole('link', { name: 'Make a machine client' }).click();
  await window.inspect('machine-form');
  await page.click('#save');
  await page.waitForSelector('[role=alert]');
  await window.inspect('machine-form-wrong');
  await page.fill('#name', `Report ${mode}`);
  await page.selectOption('#subject', { label: `${service}.default · Service user` });
  await tick(page, mode, stack.prometheus_scope);
  await page.click('#save');
  await page.waitForSelector('#client-secret');
  await window.inspect('machine-made');
  const read = (id) => page.textContent(`#${id}`);
  return { id: await read('client-id'), secret: await read('client-secret'), endpoint: await read('token-endpoint') };
}

export async function machines(t, window, mode) {
  const { page } = window;
  const service = `ci-${mode}`;
  let client;
  await t.check(`${mode}: an administrator makes a machine client, and it calls`, async () => {
    client = await made(window, mode, service);
    const { status, access_token } = await token(client.endpoint, client.id, client.secret);
    assert.equal(status, 200);
    assert.equal(await call(access_token), 200);
    await window.goto('/orgs/default/machines');
    await window.inspect('machines');
    await page.getByRole('link', { name: `Report ${mode}`, exact: true }).click();
    assert.ok(!(await page.content()).includes(client.secret), 'its secret is shown once');
    await window.inspect('machine');
    await window.goto(`/orgs/default/machines/${client.id}/scopes`);
    await tick(page, mode, stack.prometheus_scope);
    await window.inspect('machine-scopes');
    await window.goto(`/orgs/default/machines/${client.id}`);
  });
  await t.check(`${mode}: a secret takes the place of another`, async () => {
    const size = (selector) => page.locator(selector).evaluate((element) => getComputedStyle(element).fontSize);
    assert.equal(await size('#lives-machine'), await size('label[for=lives-machine]'), 'a choice is as large as its label');
    await page.selectOption('#lives-machine', { label: 'in 30 days' });
    await page.click('#add-secret');
    const next = await page.textContent('#client-secret');
    await page.locator('a[id^=ask-retire-]').first().click();
    await window.inspect('machine-retire');
    assert.equal((await token(client.endpoint, client.id, client.secret)).status, 200, 'asking retires nothing');
    await page.click('#retire-secret');
    await page.waitForSelector('[role=status]');
    assert.equal((await token(client.endpoint, client.id, client.secret)).status, 401, 'status with the old one');
    client.secret = next;
  });
  await t.check(`${mode}: a machine client stops with its service user`, async () => {
    const { status, access_token } = await token(client.endpoint, client.id, client.secret);
    assert.equal(status, 200);
    assert.equal(await call(access_token), 200, 'status before');
    await window.goto('/orgs/default/members');
    await page.locator('tr', { hasText: `${service}.default` }).getByRole('link', { name: 'Deactivate' }).click();
    await page.click('#deactivate');
    await page.waitForSelector('[role=status]');
    assert.equal(await call(access_token), 401, 'status of the next call');
    assert.equal((await token(client.endpoint, client.id, client.secret)).error, 'unauthorized_client');
    await window.goto(`/orgs/default/machines/${client.id}`);
    await window.inspect('machine-stopped');
    await page.click('#ask-delete');
    await window.inspect('machine-delete');
    await page.click('#delete');
    await page.waitForSelector('[role=status]');
    assert.equal(await page.getByRole('link', { name: `Report ${mode}`, exact: true }).count(), 0);
  });
}
