// Keeps which pages a suite looked at, for `covered.mjs`.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Where each suite leaves its list. */
export const LOOKED_AT = new URL('../../target/tests/looked-at/', import.meta.url);

/** Starts the list of the suite that runs; gives what adds to it. */
export function visits() {
  mkdirSync(LOOKED_AT, { recursive: true });
  const file = new URL(`${basename(process.argv[1], '.mjs')}.txt`, LOOKED_AT);
  writeFileSync(file, '');
  return (mode, url) => appendFileSync(file, `${mode} ${new URL(url).pathname}\n`);
}
