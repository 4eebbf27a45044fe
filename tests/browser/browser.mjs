// Chromium with everything watched that a page must not do, and every page looked at in light and dark, narrow and wide.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { assert, stack } from '../clients/checks.mjs';
import { load } from '../clients/packages.mjs';
import { walk } from './keys.mjs';
import { visits } from './visits.mjs';

const { default: playwright } = await load('playwright-core');
const require = createRequire(new URL('../../target/tools/npm/package.json', import.meta.url));
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SCREENSHOTS = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));
const WIDTHS = { narrow: 360, wide: 1280 };
// The pages look the same without scripts, so two corners of the square are enough there.
const VIEWS = {
  scripts: [['light', 'narrow'], ['light', 'wide'], ['dark', 'narrow'], ['dark', 'wide']],
  'no-scripts': [['light', 'narrow'], ['dark', 'wide']],
};
const SMALLEST_WIDTH = 320;
// A4 without its margins.
const PAPER = 718;
export const HTTPS_HOST = 'app.example.test';

mkdirSync(SCREENSHOTS, { recursive: true });
const lookedAt = visits();

/** In the page: what a field says while it is empty, where the field is too narrow for it. */
function cutOff() {
  const pen = document.createElement('canvas').getContext('2d');
  const told = [];
  for (const field of document.querySelectorAll('input[placeholder]')) {
    const { font, paddingLeft, paddingRight } = getComputedStyle(field);
    pen.font = font;
    const room = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    if (field.checkVisibility() && pen.measureText(field.placeholder).width > room) told.push(field.placeholder);
  }
  return told;
}

/** Starts Chromium; `httpsPort` is where its requests to `HTTPS_HOST` go. */
export function launch(httpsPort) {
  return playwright.chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      `--host-resolver-rules=MAP ${HTTPS_HOST} 127.0.0.1:${httpsPort}`,
    ],
  });
}

/** A person's browser window: one set of cookies, one page, and what went wrong on it. */
export class Window {
  /** `mode` is `scripts` or `no-scripts`; `site` is the gateway that is visited. */
  static async open(browser, mode, site = stack.public_url) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true });
    context.setDefaultTimeout(15_000);
    return Window.#tab(context, mode, site);
  }

  static async #tab(context, mode, site) {
    const window = new Window(context, await context.newPage(), site);
    window.mode = mode;
    window.devtools = await context.newCDPSession(window.page);
    await window.#allowScripts(mode === 'scripts');
    return window;
  }

  /** Acts in another tab of the same person, and closes it: a tab that tried to open an application is of no further use. */
  async inTab(act) {
    const tab = await Window.#tab(this.context, this.mode, this.site);
    try {
      return await act(tab);
    } finally {
      await tab.page.close();
    }
  }

  // The context's own switch would also stop the checks that run in the page; this one can be turned for them.
  #allowScripts(allowed) {
    return this.devtools.send('Emulation.setScriptExecutionDisabled', { value: !allowed });
  }

  constructor(context, page, site) {
    this.context = context;
    this.page = page;
    this.site = site;
    this.violations = [];
    this.foreign = [];
    page.on('console', (message) => {
      if (/content security policy|refused to/i.test(message.text())) this.violations.push(message.text());
    });
    page.on('pageerror', (error) => this.violations.push(String(error)));
    page.on('request', (request) => {
      if (!request.isNavigationRequest() && !request.url().startsWith(site) && !request.url().startsWith('data:')) {
        this.foreign.push(request.url());
      }
    });
  }

  async goto(path) {
    return this.page.goto(new URL(path, this.site).href);
  }

  /** Fails if a page broke its content security policy, threw, or asked another site for something. */
  assertClean() {
    assert.deepEqual(this.violations, [], 'policy violations and script errors');
    assert.deepEqual(this.foreign, [], 'requests to other sites');
  }

  /** Looks at the page in every scheme and width: accessible, not scrolling sideways, photographed; and goes through it with Tab. */
  async inspect(name) {
    const found = [];
    for (const [colorScheme, width] of VIEWS[this.mode]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize({ width: WIDTHS[width], height: 800 });
      await this.#photograph(`${SCREENSHOTS}${name}-${this.mode}-${colorScheme}-${width}.png`);
      for (const problem of await this.#axe()) found.push(`${colorScheme} ${width}: ${problem}`);
    }
    await this.page.setViewportSize({ width: WIDTHS.narrow, height: 800 });
    const cut = await this.page.evaluate(cutOff);
    await this.page.setViewportSize({ width: SMALLEST_WIDTH, height: 640 });
    const sideways = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await this.page.setViewportSize({ width: WIDTHS.wide, height: 800 });
    const unreached = this.mode === 'scripts' ? await walk(this.page) : [];
    assert.deepEqual([...new Set(found)], [], 'accessibility violations');
    assert.deepEqual(unreached, [], 'out of the reach of the keyboard or a screen reader');
    assert.deepEqual(cut, [], 'hints that do not fit into their fields');
    assert.ok(sideways <= 0, `scrolls ${sideways} px sideways at ${SMALLEST_WIDTH} px`);
    this.assertClean();
    lookedAt(this.mode, this.page.url());
  }

  /** Looks at the page as it is printed: what is pressed is gone, tables are tables, and every time says when it was. */
  async inspectPrint(name) {
    await this.page.emulateMedia({ media: 'print', colorScheme: 'light' });
    await this.page.setViewportSize({ width: PAPER, height: 1000 });
    await this.#photograph(`${SCREENSHOTS}${name}-${this.mode}-print.png`);
    await this.#allowScripts(true);
    const found = await this.page.evaluate(() => {
      const seen = (element) => element.getClientRects().length > 0;
      const shown = (selector) => [...document.querySelectorAll(selector)].filter(seen);
      const said = (time) => ('exact' in time.dataset ? time.textContent : getComputedStyle(time, '::after').content);
      return {
        controls: shown('.bar, nav, .button, select, form:not(.card, :has(ul))').map((element) => element.outerHTML.slice(0, 80)),
        cells: shown('td').filter((cell) => getComputedStyle(cell).display !== 'table-cell').length,
        relative: shown('time').map(said).filter((words) => !/\d{4}/.test(words)),
        sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      };
    });
    await this.#allowScripts(this.mode === 'scripts');
    await this.page.emulateMedia({ media: 'screen' });
    await this.page.setViewportSize({ width: WIDTHS.wide, height: 800 });
    assert.deepEqual(found, { controls: [], cells: 0, relative: [], sideways: 0 }, 'as it is printed');
    this.assertClean();
  }

  // Headless Chromium now and then gives a page no frame to paint while others are open, and the picture waits for it in
  // vain: the page is brought to the front and photographed again. A second failure is one.
  async #photograph(path) {
    const picture = { path, fullPage: true };
    try {
      await this.page.screenshot(picture);
    } catch (error) {
      if (error.name !== 'TimeoutError') throw error;
      await this.page.bringToFront();
      await this.page.screenshot({ ...picture, timeout: 30_000 });
    }
  }

  async #axe() {
    await this.#allowScripts(true);
    await this.page.evaluate(`if (typeof axe === 'undefined') { ${AXE} }`);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document));
    await this.#allowScripts(this.mode === 'scripts');
    return violations.map((v) => `${v.id} on ${v.nodes.map((n) => n.target.join(' ')).join(', ')}: ${v.help}`);
  }

  async close() {
    await this.context.close();
  }
}
