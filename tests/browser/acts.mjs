// Each kind of act, done by keys alone: what is pressed here is on every page the same component.
import { assert, stack } from '../clients/checks.mjs';
import { tabTo } from './corners.mjs';

/** Presses that lead past every row of a page of records. */
const BEHIND_A_LIST = 300;

/** In the page: what has the focus. */
const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return { id: at.id, role: at.getAttribute('role'), words: at.textContent.trim(), name: at.localName };
});

/** Presses Enter on what has the focus, which leads to another page. */
const enter = (page) => Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);

/** Goes to something by Tab and follows it. */
async function follow(page, selector, most) {
  await tabTo(page, selector, most);
  await enter(page);
}

/** The refused form is where the person begins to read, and Tab goes on from there. */
async function atTheProblem(page, next) {
  const at = await focused(page);
  assert.equal(at.role, 'alert', `the focus is on ${at.name} ${at.id}: ${at.words.slice(0, 60)}`);
  assert.match(at.words, /\S/);
  await page.keyboard.press('Tab');
  assert.ok(await page.evaluate((wanted) => document.activeElement.matches(wanted), next), `Tab goes on to ${next}`);
}

async function links(t, { page, goto }) {
  await t.check('keys: a link leads on, and the first of all leads past the menu', async () => {
    await goto('/');
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).words, 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal((await focused(page)).id, 'main');
    await follow(page, 'main a[href="/settings/applications"]');
    assert.match(page.url(), /\/settings\/applications$/);
  });
  await t.check('keys: a menu opens by Enter and closes by Escape, by going elsewhere, and by Enter', async () => {
    await goto('/');
    const menu = page.locator('details.drop').first();
    const isOpen = () => menu.evaluate((element) => element.open);
    const open = async () => {
      await page.keyboard.press('Enter');
      assert.ok(await isOpen(), 'Enter opens it');
    };
    await tabTo(page, 'details.drop summary');
    await open();
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement.matches('details.drop div a')), 'what is in it comes next');
    await page.keyboard.press('Escape');
    assert.ok(!(await isOpen()), 'Escape closes it');
    assert.equal((await focused(page)).name, 'summary', 'and gives the focus back');
    await open();
    await page.keyboard.press('Shift+Tab');
    assert.ok(!(await isOpen()), 'it does not stay in the way');
    await page.keyboard.press('Tab');
    await open();
    await page.keyboard.press('Enter');
    assert.ok(!(await isOpen()), 'Enter closes it again');
    await open();
    await page.keyboard.press('Tab');
    await enter(page);
    assert.match(page.url(), /\/orgs\//);
  });
  await t.check('keys: nothing else lies over a page that Escape would have to close', async () => {
    for (const path of ['/', '/orgs/default/members', '/orgs/default/audit', '/settings/applications', '/orgs/default/apps/new']) {
      await goto(path);
      const over = await page.evaluate(() => {
        for (const fold of document.querySelectorAll('details')) fold.open = true;
        const lies = (element) => ['absolute', 'fixed'].includes(getComputedStyle(element).position);
        const large = (element) => element.offsetWidth > 1 && element.offsetHeight > 1 && !element.closest('svg, details.drop, .skip, .sr');
        return [...document.querySelectorAll('body *')].filter((element) => lies(element) && large(element)).map((e) => e.outerHTML.slice(0, 80));
      });
      assert.deepEqual(over, [], path);
      assert.equal(await page.locator('dialog, [popover], [aria-modal]').count(), 0, path);
    }
  });
}

async function lists(t, { page, goto }) {
  const found = () => page.locator('#found tbody tr').count();
  const answered = (name, text) => page.waitForFunction(([n, wanted]) => (new URLSearchParams(location.search).get(n) ?? '') === wanted, [name, text]);
  await t.check('keys: a search answers while one types, and Escape empties it', async () => {
    await goto('/orgs/default/members');
    const all = await found();
    await tabTo(page, '#text');
    await page.keyboard.type('robot');
    await answered('text', 'robot');
    assert.equal(await found(), 1);
    assert.equal((await focused(page)).id, 'text', 'the focus stays');
    await page.keyboard.press('Escape');
    await answered('text', '');
    assert.equal(await found(), all);
  });
  await t.check('keys: a choice is made by the arrows', async () => {
    await goto('/orgs/default/members');
    const before = await page.inputValue('#role');
    await tabTo(page, '#role');
    await page.keyboard.press('ArrowDown');
    const after = await page.inputValue('#role');
    assert.notEqual(after, before);
    await answered('role', after);
    assert.equal((await focused(page)).id, 'role');
  });
  await t.check("keys: what is in a table's row is pressed, asked about, left and done", async () => {
    await goto('/orgs/default/members');
    await follow(page, '#found tbody a[id^=ask-deactivate-]');
    await page.waitForSelector('[role=alert]:focus');
    const asked = await focused(page);
    assert.equal(asked.role, 'alert', 'the question has the focus');
    assert.match(asked.words, /^Deactivate /);
    await follow(page, '[role=alert] a');
    assert.equal(await page.locator('[role=alert]').count(), 0, 'left, and nothing was done');
    await follow(page, '#found tbody a[id^=ask-deactivate-]');
    await page.waitForSelector('[role=alert]:focus');
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).id, 'deactivate', 'what it asks about comes first');
    await enter(page);
    await page.waitForSelector('[role=status]');
    await follow(page, '#found tbody button[id^=activate-]');
    await page.waitForSelector('[role=status]');
  });
  await t.check('keys: a long list is leafed through', async () => {
    await goto('/orgs/default/audit');
    const first = () => page.locator('table.records tbody a').first().getAttribute('href');
    const newest = await first();
    await follow(page, '.pager a[rel=next]', BEHIND_A_LIST);
    assert.notEqual(await first(), newest);
    await follow(page, '.pager a[rel=prev]', BEHIND_A_LIST);
    assert.equal(await first(), newest);
    await follow(page, 'table.records tbody a');
    assert.equal(new URL(page.url()).pathname, new URL(newest, stack.public_url).pathname, 'a record opens');
  });
}

async function forms(t, { page, context, goto }) {
  await t.check('keys: boxes are ticked by Space, and what is shown once is copied', async () => {
    await goto('/orgs/default/members');
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stack.public_url });
    await tabTo(page, '#email');
    await page.keyboard.type('keyed@example.test');
    await tabTo(page, '#invite-viewer');
    await page.keyboard.press('Space');
    assert.ok(await page.isChecked('#invite-viewer'));
    await follow(page, '#invite');
    const link = await page.textContent('#invitation-link');
    await tabTo(page, 'button[data-copy=invitation-link]');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Copied', exact: true }).waitFor();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), link);
    await context.clearPermissions();
    await follow(page, 'button[id^=withdraw-]');
    await page.waitForSelector('[role=status]');
  });
  await t.check('keys: one of several is chosen by the arrows', async () => {
    await goto('/orgs/default/applications');
    const chosen = () => page.locator('input[name=new-clients]:checked').inputValue();
    const before = await chosen();
    await tabTo(page, 'input[name=new-clients]');
    await page.keyboard.press('ArrowDown');
    assert.notEqual(await chosen(), before);
    await page.keyboard.press('ArrowUp');
    assert.equal(await chosen(), before);
  });
  await t.check('keys: what is folded opens and closes', async () => {
    await goto('/orgs/default/audit');
    const fold = page.locator('form.filter details');
    const isOpen = () => fold.evaluate((element) => element.open);
    await tabTo(page, 'form.filter details summary');
    await page.keyboard.press('Enter');
    assert.ok(await isOpen());
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).id, 'client', 'what is in it comes next');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Space');
    assert.ok(!(await isOpen()));
  });
  await t.check('keys: a refused form is read from what is wrong', async () => {
    await goto('/orgs/default/machines/new');
    await follow(page, '#save');
    await atTheProblem(page, '#name');
    await goto('/orgs/default/apps/new');
    await tabTo(page, '#name');
    await page.keyboard.type(' ');
    await tabTo(page, 'input[name=kind]');
    await page.keyboard.press('Space');
    await follow(page, '#save');
    await atTheProblem(page, '#name');
    await goto('/device');
    await tabTo(page, '#user_code');
    await page.keyboard.type('BBBB-BBBB');
    await enter(page);
    await atTheProblem(page, '#user_code');
  });
}

/** Every kind of act in at least one place. */
export async function acts(t, window) {
  const hands = { page: window.page, context: window.context, goto: (path) => window.goto(path) };
  await links(t, hands);
  await lists(t, hands);
  await forms(t, hands);
  window.assertClean();
}
