// Loads the npm packages that `tests/run` installs outside the source tree.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const TOOLS = new URL('../../target/tools/npm/', import.meta.url);
const require = createRequire(new URL('package.json', TOOLS));

/** The module of an installed package. */
export async function load(name) {
  return import(pathToFileURL(require.resolve(name)).href);
}
