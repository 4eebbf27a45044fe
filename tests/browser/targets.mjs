// Where the consent page may send a browser: an application on this computer, a website, an application by its own scheme.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HTTPS_HOST } from './browser.mjs';

const LANDED = '<!doctype html><html lang="en"><title>Landed</title><main><h1>Landed</h1></main></html>';
const ARRIVAL_SECONDS = 10;

/** A server that keeps the URLs it was asked for, and answers some paths as it was told to. */
class Landing {
  arrivals = [];
  #served = new Map();

  constructor(server) {
    this.server = server;
    server.on('request', async (request, response) => {
      if (request.url !== '/favicon.ico') this.arrivals.push(request.url);
      const { status, headers, body } = await this.#answer(request);
      response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers });
      response.end(body);
    });
  }

  /** From now on `answer(url, cookies)` gives status, headers and body of a path. */
  serve(path, answer) {
    this.#served.set(path, answer);
  }

  async #answer(request) {
    const url = new URL(request.url, `https://${HTTPS_HOST}`);
    const served = this.#served.get(url.pathname);
    if (!served) return { status: 200, headers: {}, body: LANDED };
    try {
      return await served(url, request.headers.cookie ?? '');
    } catch (error) {
      return { status: 500, headers: {}, body: String(error) };
    }
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this.server.address().port;
  }
}

function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${HTTPS_HOST}`];
  execFileSync('openssl', [...options, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return pair;
}

/**
 * Starts both servers; `website` is what answers at `HTTPS_HOST`. Each target has a `redirectUri` and `arrived(page, press)`, which presses the button and gives the
 * query that the target received.
 */
export async function startTargets() {
  const loopback = new Landing(http.createServer());
  const website = new Landing(https.createServer(certificate()));
  const [loopbackPort, httpsPort] = [await loopback.listen(), await website.listen()];
  return {
    httpsPort,
    website,
    targets: {
      loopback: landingTarget(loopback, `http://127.0.0.1:${loopbackPort}/callback`),
      https: landingTarget(website, `https://${HTTPS_HOST}/callback`),
      'private-scheme': schemeTarget('com.example.app:/callback'),
    },
    stop() {
      loopback.server.close();
      website.server.close();
    },
  };
}

function landingTarget(landing, redirectUri) {
  return {
    redirectUri,
    async arrived(page, press) {
      const before = landing.arrivals.length;
      await press();
      await page.waitForURL((url) => url.href.startsWith(redirectUri));
      if (landing.arrivals.length <= before) throw new Error('the browser shows the target but did not ask it');
      return new URL(landing.arrivals.at(-1), redirectUri).searchParams;
    },
  };
}

// No application answers a private scheme here: the browser's attempt to go there is the proof.
function schemeTarget(redirectUri) {
  return {
    redirectUri,
    async arrived(page, press) {
      const session = await page.context().newCDPSession(page);
      await session.send('Network.enable');
      await session.send('Page.enable');
      let timer;
      const attempt = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('no attempt to open the private scheme')), ARRIVAL_SECONDS * 1000);
        const seen = (url) => url?.startsWith(redirectUri) && resolve(url);
        session.on('Network.requestWillBeSent', (event) => seen(event.request.url));
        session.on('Network.responseReceivedExtraInfo', (event) => seen(event.headers.location ?? event.headers.Location));
      });
      try {
        const [url] = await Promise.all([attempt, press()]);
        await page.waitForTimeout(300);
        return new URL(url).searchParams;
      } finally {
        clearTimeout(timer);
        await session.detach();
      }
    },
  };
}
