// Prints one `ok` or `not ok` line a check, so that `tests/run` can count them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** What the harness started: URLs, tool and scope names, and the address of the person. */
export const stack = JSON.parse(readFileSync(process.env.TOLLGATE_STACK, 'utf8'));

const CHECK_SECONDS = 90;

/** Asks the harness's person to do something; gives their answer. */
export async function person(act, ask = {}) {
  const response = await fetch(`${stack.control}/${act}`, { method: 'POST', body: JSON.stringify(ask) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the person could not ${act}: ${answer.error}`);
  return answer;
}

/** The checks of one suite; `finish` sets the exit code and ends the program. */
export function suite(name) {
  let passed = 0;
  let failed = 0;
  return {
    async check(what, body) {
      let timer;
      const limit = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done within ${CHECK_SECONDS} s`)), CHECK_SECONDS * 1000);
      });
      try {
        await Promise.race([body(), limit]);
        passed += 1;
        console.log(`ok ${name}: ${what}`);
      } catch (error) {
        failed += 1;
        console.log(`not ok ${name}: ${what}: ${String(error).replace(/\s+/g, ' ').slice(0, 600)}`);
        console.error(error);
      } finally {
        clearTimeout(timer);
      }
    },
    finish() {
      if (passed + failed === 0) {
        failed = 1;
        console.log(`not ok ${name}: no check was run`);
      }
      console.log(`# ${name}: ${passed} passed, ${failed} failed`);
      process.exit(failed ? 1 : 0);
    },
  };
}

/** The claims of a JWT, not verified. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

/** An `initialize` as a client of the older protocol era sends it. */
export async function mcpInitialize(url, token) {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }) });
  await response.body?.cancel();
  return response;
}

/** Resolves after some time; only for what nothing announces, like the expiry of a token. */
export const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export { assert };
