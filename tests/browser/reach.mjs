// From `/` every page is reached by links: who signs in types no address.
import { readFileSync } from 'node:fs';

import { assert, stack } from '../clients/checks.mjs';
import { Window } from './browser.mjs';

/** Pages that one comes to from outside: an application sends a browser, an administrator a link. */
const FROM_OUTSIDE = new Set(['/consent', '/invitations/{link}']);
/** What a page loads by itself. */
const LOADED = '/assets/{file}';
/** Pages of one pattern after which another one shows nothing new. */
const ENOUGH = 4;

/** The pattern of an address, from the one with the fewest placeholders on. */
const patterns = readFileSync(new URL('pages.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => line.split(' '))
  .map(([kind, path]) => ({ kind, path, loose: path.split('{').length, matches: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`) }))
  .toSorted((a, b) => a.loose - b.loose);

const patternOf = (path) => patterns.find(({ matches }) => matches.test(path))?.path;

/** In the page: where its links lead and its forms that only ask, also those in what is not yet unfolded. */
function leads() {
  const shown = (element) => element.closest('details') !== null || element.checkVisibility({ visibilityProperty: true });
  const links = [...document.querySelectorAll('a[href]')].filter(shown).map((link) => link.href);
  const forms = [...document.querySelectorAll('form[method=get]')].map((form) => form.action);
  return [...links, ...forms];
}

/** Follows every link from `/` on: the patterns that were reached, and the links that lead nowhere. */
async function crawl(window) {
  const { page } = window;
  const reached = new Map();
  const queue = [{ href: new URL('/', stack.public_url).href, from: 'the beginning' }];
  const known = new Set([queue[0].href]);
  const dead = [];
  while (queue.length > 0) {
    const { href, from } = queue.shift();
    const { pathname } = new URL(href);
    const pattern = patternOf(pathname) ?? pathname;
    const times = reached.get(pattern) ?? 0;
    if (times >= ENOUGH) continue;
    reached.set(pattern, times + 1);
    // A file is for keeping; that it is there is enough.
    if (/\.(json|csv|ndjson)$/.test(pathname)) {
      const answer = await window.context.request.get(href);
      if (!answer.ok()) dead.push(`${from} → ${pathname}: ${answer.status()}`);
      continue;
    }
    const answer = await page.goto(href);
    if (!answer.ok()) {
      dead.push(`${from} → ${pathname}: ${answer.status()}`);
      continue;
    }
    for (const lead of await page.evaluate(leads)) {
      const to = new URL(lead);
      to.hash = '';
      if (to.origin === new URL(stack.public_url).origin && !known.has(to.href)) {
        known.add(to.href);
        queue.push({ href: to.href, from: pathname });
      }
    }
  }
  return { reached: new Set(reached.keys()), dead };
}

/** Crawls as an administrator who looks after the gateway too, as a member, and as nobody. */
export async function reach(t, browser, { ada, victor }) {
  const links = patterns.filter(({ kind }) => kind === 'page' || kind === 'file').map(({ path }) => path);
  const wanted = links.filter((path) => path !== LOADED && !FROM_OUTSIDE.has(path));
  await t.check('an administrator and operator reaches every page by links from the first', async () => {
    const { reached, dead } = await crawl(ada);
    assert.deepEqual(dead, [], 'links that lead nowhere');
    const missing = wanted.filter((path) => path !== '/login' && !reached.has(path));
    assert.deepEqual(missing, [], 'pages that only an address leads to');
  });
  await t.check('a member reaches what is theirs, and no link leads them to what is not', async () => {
    const { reached, dead } = await crawl(victor);
    assert.deepEqual(dead, [], 'links that lead nowhere');
    const own = wanted.filter((path) => path.startsWith('/settings/') && !path.includes('{'));
    for (const path of ['/', '/device', '/password', ...own]) assert.ok(reached.has(path), path);
    assert.deepEqual([...reached].filter((path) => path.startsWith('/operator')), [], "an operator's pages");
    assert.deepEqual([...reached].filter((path) => /\/(members|machines|new|edit|publish|delete)$/.test(path)), [], "an administrator's pages");
  });
  await t.check('who is not signed in finds the way in', async () => {
    const window = await Window.open(browser, 'scripts');
    const { reached, dead } = await crawl(window);
    assert.deepEqual(dead, []);
    assert.deepEqual([...reached].toSorted(), ['/', '/login']);
    await window.close();
  });
}
