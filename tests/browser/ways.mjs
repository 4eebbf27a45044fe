// Every page is reached by links, and every kind of act is done by keys. On a gateway of its own, with one of everything in it.
import { randomBytes } from 'node:crypto';

import { assert, person, stack, suite } from '../clients/checks.mjs';
import { acts } from './acts.mjs';
import { launch, Window } from './browser.mjs';
import { reach } from './reach.mjs';

const PASSWORD = 'a password of my own choosing 1';
/** More calls than one page of the log shows. */
const CALLS = 60;
const t = suite('ways');

async function command(...words) {
  const { output } = await person('administer', { arguments: words });
  return output;
}

const made = async (...words) => JSON.parse(await command(...words, '--json'));

/** A browser in which somebody is signed in; a one-time password is changed on the way. */
async function signedIn(browser, email, oneTime) {
  const window = await Window.open(browser, 'scripts');
  const { page } = window;
  await window.goto('/login');
  await page.fill('#email', email);
  await page.fill('#password', oneTime);
  await page.click('#sign-in');
  await page.waitForSelector('#new-password');
  await page.fill('#current-password', oneTime);
  await page.fill('#new-password', PASSWORD);
  await page.click('#change-password');
  await page.waitForSelector('#sign-out');
  return window;
}

/** Somebody new in the organization, signed in. */
async function member(browser, email, role) {
  const { one_time_password } = await made('user', 'create', email);
  await command('member', 'set', 'default', email, '--role', role);
  return signedIn(browser, email, one_time_password);
}

/** One of everything that has a page of its own. */
async function furnish() {
  const app = await made(
    'app', 'create', 'Metrics mirror', '--org', 'default', '--description', 'Copies metrics.',
    '--redirect-uri', 'https://mirror.example/callback', '--scopes', stack.prometheus_scope,
  );
  await command('app', 'scopes', 'request', app.app.id, 'api_keys:write', '--reason', 'It sends metrics.');
  await command('app', 'install', '--org', 'default', app.app.id);
  // In two organizations the menu has something to unfold.
  await person('organization');
  await command('user', 'create', 'robot.default', '--service');
  await command('member', 'set', 'default', 'robot.default', '--role', 'viewer');
  await command('client', 'create', 'Report', '--kind', 'machine', '--org', 'default', '--scopes', stack.prometheus_scope, '--subject', 'robot.default');
  const { access_token, resource } = await person('token', { name: 'by keys', path: stack.prometheus_path });
  const headers = { Authorization: `Bearer ${access_token}` };
  await Promise.all(
    Array.from({ length: CALLS }, async () => {
      const answer = await fetch(`${resource}/api/v1/query?query=up`, { headers });
      await answer.body?.cancel();
      assert.equal(answer.status, 200);
    }),
  );
}

const browser = await launch(0);
const ada = await signedIn(browser, stack.email, stack.one_time_password);
await person('password', { password: PASSWORD });
await furnish();
await acts(t, ada);
const victor = await member(browser, `victor-${randomBytes(2).toString('hex')}@example.test`, 'viewer');
await command('user', 'operator', 'add', stack.email);
await reach(t, browser, { ada, victor });
await browser.close();
t.finish();
