// Lists of an organization: searched while one types where scripts run, by the same form where they don't.
import { assert, person, stack } from '../clients/checks.mjs';
import { events, tabTo } from './corners.mjs';

const LISTS = ['members', 'machines', 'applications', 'review', 'keys'];
/** The operator's lists, each with something that is in it. */
const OPERATORS = { organizations: 'default', users: 'listed-one', clients: 'loopback app' };

/** Waits until the list shows what is looked for, and not what was found while it was being typed: the address changes with it. */
const answered = (page, text) => page.waitForFunction((wanted) => new URLSearchParams(location.search).get('text') === wanted, text);

/** The addresses in the list of members. */
const listed = (page) => page.locator('#found tbody tr .strong').allTextContents();

async function typed(window) {
  const { page } = window;
  await page.evaluate("document.body.dataset.first = 'yes'");
  await page.focus('#text');
  await page.keyboard.type('LISTED-two');
  await answered(page, 'LISTED-two');
  assert.equal(await page.evaluate('document.body.dataset.first'), 'yes', 'no other page was opened');
  assert.equal(await page.evaluate('document.activeElement.id'), 'text', 'the focus stays');
  assert.equal(await page.inputValue('#text'), 'LISTED-two');
  assert.equal(await page.textContent('form[role=search] output'), '1 found.', 'readers are told');
}

async function sent(window) {
  const { page } = window;
  await page.fill('#text', 'LISTED-two');
  await page.locator('form[role=search] button').click();
  await page.waitForURL(/text=LISTED-two/);
}

async function operatorsList(window, mode, list, known) {
  const { page } = window;
  await window.goto(`/operator/${list}`);
  const others = async () => (await page.locator('#found tbody tr').allTextContents()).filter((row) => !row.toLowerCase().includes(known));
  assert.notDeepEqual(await others(), [], `${list}: something that is not looked for`);
  if (mode === 'scripts') {
    await page.focus('#text');
    await page.keyboard.type(known);
    await answered(page, known);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text', 'the focus stays');
  } else {
    await page.fill('#text', known);
    await page.locator('form[role=search] button').click();
    await page.waitForURL(/text=/);
  }
  assert.ok((await page.textContent('#found')).includes(known), list);
  assert.deepEqual(await others(), [], `${list}: nothing but what is looked for`);
  await window.inspect(`operator-${list}-found`);
  await window.goto(`/operator/${list}?text=nothing+has+this+in+it`);
  assert.match(await page.textContent('#found'), /matches/, list);
  await window.inspect(`operator-${list}-nothing-matches`);
}

export async function lists(t, window, mode) {
  const { page } = window;
  const [one, two] = ['one', 'two'].map((name) => `listed-${name}-${mode}@example.test`);
  await t.check(`${mode}: a list is searched, and its acts lead back to what was found`, async () => {
    for (const email of [one, two]) {
      await person('administer', { arguments: ['user', 'create', email] });
      await person('administer', { arguments: ['member', 'set', 'default', email, '--role', 'viewer'] });
    }
    await window.goto('/orgs/default/members');
    if (mode === 'scripts') await typed(window);
    else await sent(window);
    assert.deepEqual(await listed(page), [two]);
    await window.inspect('members-found');
    await page.locator('#found').getByRole('link', { name: 'Change' }).click();
    await page.getByRole('link', { name: 'Cancel' }).click();
    assert.deepEqual(await listed(page), [two], 'as it was before');
    await page.locator('#found').getByRole('link', { name: 'Change' }).click();
    await page.click('#ask-remove');
    await page.click('#remove');
    await page.waitForSelector('[role=status]');
    assert.equal(await page.inputValue('#text'), 'LISTED-two');
    assert.equal(await page.getByText('No member matches').count(), 1);
    await window.inspect('members-not-found');
    await page.getByRole('link', { name: 'Clear' }).click();
    assert.ok((await listed(page)).includes(one));
  });
  await t.check(`${mode}: every list says when nothing matches`, async () => {
    for (const list of LISTS) {
      await window.goto(`/orgs/default/${list}?text=nothing+has+this+in+it`);
      assert.match(await page.textContent('#found'), /matches/, list);
      await window.inspect(`${list}-nothing-matches`);
    }
  });
  await t.check(`${mode}: the operator's lists are searched as the others are`, async () => {
    await person('administer', { arguments: ['org', 'create', `listed-${mode}`, '--name', 'Another one'] });
    await person('administer', { arguments: ['user', 'operator', 'add', stack.email] });
    try {
      for (const [list, known] of Object.entries(OPERATORS)) await operatorsList(window, mode, list, known);
    } finally {
      await person('administer', { arguments: ['user', 'operator', 'remove', stack.email] });
    }
  });
  await t.check(`${mode}: what is kept on paper prints without what is pressed, with the times`, async () => {
    await window.goto('/orgs/default/review');
    await window.inspectPrint('review');
    await page.locator('#found a.name').first().click();
    await page.waitForSelector('aside');
    await window.inspectPrint('org-application');
    await window.goto('/orgs/default/audit');
    await window.inspectPrint('audit');
  });
  await events(t, window, mode);
  await t.check(`${mode}: what is pressed in a table is as large as its text`, async () => {
    await window.goto('/orgs/default/members');
    const size = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).fontSize);
    assert.equal(await size('td a'), await size('td'));
  });
  if (mode !== 'scripts') return;
  await t.check(`${mode}: the keyboard goes from the search through the list in its order`, async () => {
    await window.goto('/orgs/default/members');
    for (const stop of ['#text', '#role', 'form[role=search] button', '#found a']) await tabTo(page, stop);
  });
  await t.check(`${mode}: a search after the session has ended leads to the sign-in page`, () =>
    window.inTab(async (tab) => {
      await tab.goto('/orgs/default/members');
      const cookies = await tab.context.cookies();
      await tab.context.clearCookies();
      await tab.page.fill('#text', 'anybody');
      await tab.page.waitForSelector('#sign-in');
      await tab.context.addCookies(cookies);
    }),
  );
}
