// A page as the keyboard and a screen reader find it: every page that is looked at is walked, so that none can be forgotten.

/** Stops beyond which a page is taken for one that never ends. */
const MOST_STOPS = 600;
/** Presses inside one field: a date has a stop for each of its parts. */
const MOST_PARTS = 12;

/** In the page: what can be pressed or filled in, in the order in which it is read; kept for the walk. */
function stops() {
  const reached = (element) => element.tabIndex >= 0 && !element.disabled && !element.closest('fieldset:disabled') && element.checkVisibility({ visibilityProperty: true });
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')].filter(reached);
  // The arrows go between the choices of a question: Tab comes to the one that is chosen, else to the first.
  const kept = all.filter((element) => {
    const choices = all.filter((other) => other.type === 'radio' && other.name === element.name && other.form === element.form);
    return element.type !== 'radio' || element === (choices.find((other) => other.checked) ?? choices[0]);
  });
  globalThis.walked = { stops: kept };
  return kept.length;
}

/** In the page: what stands at the focus, compared with what should. */
function standing(index) {
  const { stops: all } = globalThis.walked;
  const at = document.activeElement;
  const marked = (element) => getComputedStyle(element).outlineStyle !== 'none' || getComputedStyle(element).boxShadow !== 'none';
  const said = (element) => (element ? `<${element.localName}${element.id ? ` id=${element.id}` : ''}> ${(element.textContent || element.name || '').trim().slice(0, 40)}` : 'the end');
  return {
    there: at === all[index],
    before: index > 0 && at === all[index - 1],
    // Behind the last stop there is the browser, which may lead to the first again.
    out: at === document.body || (index === all.length && at === all[0]),
    // What scrolls is a stop of its own, so that the arrows can move it.
    scrolls: !all.includes(at) && (at.scrollWidth > at.clientWidth || at.scrollHeight > at.clientHeight),
    // A box is marked with the whole line that it stands in.
    seen: [at, at.closest('label') ?? at].some(marked),
    found: said(at),
    wanted: said(all[index]),
  };
}

/** In the page: what no keyboard or reader could use, whatever the focus does. */
function unusable() {
  const problems = [];
  const list = (selector, what) => {
    for (const element of document.querySelectorAll(selector)) problems.push(`${what}: ${element.outerHTML.slice(0, 80)}`);
  };
  list('[tabindex]:not([tabindex="-1"], [tabindex="0"])', 'an order of its own');
  list('[onclick], [role=button]:not(button), a:not([href])', 'pressed by a pointer alone');
  list('dialog, [aria-modal=true]', 'a dialog, which would have to give the focus back');
  list('.notice.done:not([role=status])', 'an outcome that is not announced');
  list('[aria-live]', 'announced in another way than by its role');
  // Whoever jumps from heading to heading misses no level, and begins with the page's name.
  const levels = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((e) => e.checkVisibility()).map((e) => [Number(e.localName[1]), e.textContent.trim()]);
  levels.forEach(([level, words], at) => {
    if (level > (at === 0 ? 0 : levels[at - 1][0]) + 1) problems.push(`a heading of level ${level} behind one of level ${levels[at - 1]?.[0] ?? 0}: ${words.slice(0, 40)}`);
  });
  if (levels.filter(([level]) => level === 1).length !== 1) problems.push('not one heading that names the page');
  // Landmarks: what is on the page is in one, and those of one kind are told apart by their names.
  if (document.querySelectorAll('main').length !== 1) problems.push('not one main part');
  for (const kind of ['nav', 'aside', '[role=search]']) {
    const names = [...document.querySelectorAll(kind)].map((e) => e.getAttribute('aria-label') ?? document.getElementById(e.getAttribute('aria-labelledby'))?.textContent ?? '');
    if (names.includes('') || new Set(names).size < names.length) problems.push(`${kind}: ${names.join(', ')}`);
  }
  // Read in the order in which it is seen: nothing is moved about by styles.
  for (const element of document.querySelectorAll('body *')) {
    const { order, flexDirection, float } = getComputedStyle(element);
    // A legend floats so that it stands inside its frame, where it was.
    const moved = order !== '0' || flexDirection.endsWith('-reverse') || (float !== 'none' && element.localName !== 'legend');
    if (moved) problems.push(`moved by its style: ${element.outerHTML.slice(0, 80)}`);
  }
  const alert = document.querySelector('[role=alert]');
  if (alert && document.querySelectorAll('[autofocus]').length !== 1) problems.push('what went wrong does not have the focus');
  const unnamed = [...document.querySelectorAll('button, a[href]')].filter((e) => e.checkVisibility() && !e.textContent.trim() && !e.getAttribute('aria-label'));
  for (const element of unnamed) problems.push(`without a name: ${element.outerHTML.slice(0, 80)}`);
  return problems;
}

/** Goes through a page with the Tab key: every stop in the order of reading, each seen, and out at the end. Gives what is wrong. */
export async function walk(page) {
  const problems = await page.evaluate(unusable);
  const count = await page.evaluate(stops);
  if (count > MOST_STOPS) return [...problems, `${count} stops`];
  await page.evaluate(() => globalThis.walked.stops[0]?.focus());
  for (let index = 1; index <= count; index += 1) {
    let at;
    for (let parts = 0; parts < MOST_PARTS; parts += 1) {
      await page.keyboard.press('Tab');
      at = await page.evaluate(standing, index);
      if (at.before && !at.seen) problems.push(`the focus can't be seen within ${at.found}`);
      if (at.there || at.out || !(at.before || at.scrolls)) break;
    }
    if (index === count ? !at.out : !at.there) return [...problems, `Tab leads to ${at.found}, not to ${at.wanted}`];
    if (index < count && !at.seen) problems.push(`the focus can't be seen on ${at.found}`);
  }
  return problems;
}
