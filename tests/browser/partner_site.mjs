// The partner's own server: where a customer starts, and the page that the gateway sends them back to.
import { createHash, randomBytes } from 'node:crypto';

import { claims, stack } from '../clients/checks.mjs';
import { HTTPS_HOST } from './browser.mjs';

/** The page that an app names as its onboarding URL. */
export const ONBOARDING = `https://${HTTPS_HOST}/start`;
/** Where its server redeems codes itself. */
export const CONNECTED = `https://${HTTPS_HOST}/connected`;

const random = () => randomBytes(32).toString('base64url');
const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const masked = (secret) => `…${secret.slice(-4)}`;

function page(title, body, status = 200) {
  const html = `<!doctype html><html lang="en"><title>${escaped(title)}</title><main><h1>${escaped(title)}</h1>${body}</main></html>`;
  return { status, headers: {}, body: html };
}

function away(location, cookie) {
  return { status: 303, headers: { Location: location, ...(cookie && { 'Set-Cookie': cookie }) }, body: '' };
}

/** An integration that runs: it knows one site of the gateway, and keeps the secret of one client there. */
export class PartnerSite {
  #waiting = new Map();

  constructor(website) {
    website.serve('/start', (url) => this.#start(url));
    website.serve('/connect', (url) => this.#connect(url));
    website.serve('/connected', (url, cookies) => this.#connected(url, cookies));
  }

  /** Which client it acts as from now on. */
  use({ clientId, secret }) {
    Object.assign(this, { clientId, secret });
  }

  // What comes through a browser is a hint: only an issuer that the published list of sites names is gone to.
  async #known(issuer) {
    const listed = await (await fetch(`${stack.public_url}/.well-known/tollgate-sites`)).json();
    return listed.sites.some((site) => site.issuer === issuer);
  }

  async #start(url) {
    const issuer = url.searchParams.get('iss');
    if (!(await this.#known(issuer))) return page('Unknown site', `<p>${escaped(issuer)}</p>`, 400);
    const connect = `/connect?${new URLSearchParams({ iss: issuer })}`;
    return page('Metrics mirror', `<p>Mirrors what <span id="site">${escaped(url.searchParams.get('site'))}</span> measures.</p><a id="connect" href="${escaped(connect)}">Connect</a>`);
  }

  async #connect(url) {
    const issuer = url.searchParams.get('iss');
    if (!(await this.#known(issuer))) return page('Unknown site', '', 400);
    const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
    const [state, verifier] = [random(), random()];
    this.#waiting.set(state, { issuer, verifier, endpoint: metadata.token_endpoint });
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: CONNECTED,
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    return away(`${metadata.authorization_endpoint}?${query}`, `state=${state}; Secure; HttpOnly; SameSite=Lax; Path=/`);
  }

  async #connected(url, cookies) {
    const state = url.searchParams.get('state');
    const begun = this.#waiting.get(state);
    this.#waiting.delete(state);
    if (!begun || !cookies.includes(`state=${state}`) || url.searchParams.get('iss') !== begun.issuer) {
      return page('Not yours', '<p>Nobody here asked for this.</p>', 400);
    }
    if (url.searchParams.has('error')) return page('Not connected', `<p id="error">${escaped(url.searchParams.get('error'))}</p>`);
    const tokens = await this.#redeem(begun, url.searchParams.get('code'));
    return page('Connected', await this.#told(begun.issuer, tokens));
  }

  async #redeem({ endpoint, verifier }, code) {
    const basic = Buffer.from(`${this.clientId}:${this.secret}`).toString('base64');
    const form = { grant_type: 'authorization_code', code, redirect_uri: CONNECTED, code_verifier: verifier };
    const headers = { Authorization: `Basic ${basic}` };
    const response = await fetch(endpoint, { method: 'POST', headers, body: new URLSearchParams(form) });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${endpoint} answered ${response.status}: ${JSON.stringify(answer)}`);
    this.tokens = answer;
    return answer;
  }

  // What its makers look at while they try it: what it was given, what that says, and what the first call answers.
  async #told(issuer, tokens) {
    const shown = { ...tokens, access_token: masked(tokens.access_token), refresh_token: masked(tokens.refresh_token) };
    const call = await fetch(`${issuer}${stack.prometheus_path}/api/v1/query?query=up`, {
      headers: { Authorization: `Bearer ${tokens.access_token}` },
    });
    const said = JSON.stringify(claims(tokens.access_token), null, 2);
    const first = `${call.status} ${(await call.json()).status}`;
    return `<pre id="response">${escaped(JSON.stringify(shown, null, 2))}</pre><pre id="claims">${escaped(said)}</pre><p id="first-call">${escaped(first)}</p>`;
  }
}
