// Whether the suites before looked at every page, with scripts and without.
import { readFileSync } from 'node:fs';

import { LOOKED_AT } from './visits.mjs';

const NAME = 'browser, every page';
const MODES = ['scripts', 'no-scripts'];
const SUITES = ['journeys', 'partners'];

const lines = (file) => readFileSync(file, 'utf8').split('\n').filter((line) => line && !line.startsWith('#'));

/** What a pattern like `/orgs/{org}/apps` matches, and how many of its segments are only placeholders. */
function pattern(path) {
  const loose = path.match(/\{\w+\}/g)?.length ?? 0;
  const source = path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
  return { path, loose, matches: new RegExp(`^${source}$`) };
}

const listed = lines(new URL('pages.txt', import.meta.url)).map((line) => {
  const [kind, path] = line.split(' ');
  return { kind, ...pattern(path) };
});
listed.sort((a, b) => a.loose - b.loose);

const seen = new Set();
for (const suite of SUITES) {
  for (const line of lines(new URL(`${suite}.txt`, LOOKED_AT))) {
    const [mode, path] = line.split(' ');
    const page = listed.find(({ matches }) => matches.test(path));
    if (page) seen.add(`${mode} ${page.path}`);
  }
}

let failed = 0;
for (const mode of MODES) {
  const missing = listed.filter(({ kind, path }) => kind === 'page' && !seen.has(`${mode} ${path}`)).map(({ path }) => path);
  const ok = missing.length === 0 && listed.length > 0;
  if (!ok) failed += 1;
  console.log(`${ok ? 'ok' : 'not ok'} ${NAME}: ${mode}: every page was looked at${ok ? '' : `, but ${missing.join(', ')}`}`);
}
console.log(`# ${NAME}: ${MODES.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
