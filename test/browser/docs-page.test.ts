import { readFileSync } from 'node:fs';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { signFreshJwt } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { useBrowser } from './support.ts';

const ROOT = new URL('../../', import.meta.url);

function operationsOf(file: string): string[] {
  const { paths } = parse(readFileSync(new URL(file, ROOT), 'utf8'));
  return Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

describeWith('chromium', 'the API reference in a browser', () => {
  const open = useBrowser();
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  type Reference = { page: Page; complaints: string[] };
  const opened = new Map<string, Promise<Reference>>();

  /** A page of the reference, the same for all tests: the processor draws it for seconds. */
  function openReference(path: string): Promise<Reference> {
    const reference = opened.get(path) ?? drawReference(path);
    opened.set(path, reference);
    return reference;
  }

  /** A page of the reference, once it shows the operations, and what it complained about. */
  async function drawReference(path: string): Promise<Reference> {
    const page = await open.kept('about:blank');
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.url()} ${response.status()}`);
    });
    await page.goto(`${service.internal}${path}`);
    await page.waitForSelector('.opblock');
    return { page, complaints };
  }

  it.each([
    ['/docs', 'openapi.yaml'],
    ['/docs/directory', 'openapi.internal.yaml'],
  ])('at %s lists the operations of %s, and complains of nothing', async (path, file) => {
    const { page, complaints } = await openReference(path);
    const listed = await page.$$eval('.opblock-summary', (all) =>
      all.map((one) =>
        ['.opblock-summary-method', '[data-path]']
          .map((part) => one.querySelector(part)?.textContent?.replaceAll('\u200b', ''))
          .join(' '),
      ),
    );
    // Those of routes that are switched off are not shown.
    const shown = operationsOf(file).filter(
      (operation) => !/ \/(room|basic)-token$/.test(operation),
    );
    expect(listed.sort()).toEqual(shown.sort());
    expect(complaints).toEqual([]);
  });

  /** Sends the request for a token with its example, and what the page shows of the reply. */
  async function tryItOut(page: Page): Promise<string> {
    await page.click('.authorize');
    await page.type('.auth-container input', await signFreshJwt({ sub: 'alice' }));
    await page.click('.auth-btn-wrapper .authorize');
    await page.click('.auth-btn-wrapper .btn-done');
    await page.click('#operations-Video_token-createVideoToken .opblock-summary-control');
    const execute = await page.waitForSelector('.opblock-body .execute');
    await execute?.click();
    const response = await page.waitForSelector('.live-responses-table .response');
    return (await response?.evaluate((row) => row.textContent)) ?? '';
  }

  it('sends what is tried out to the service that shows it, once its origin is let in', async () => {
    const internal = await freePort();
    const origin = `http://127.0.0.1:${internal}`;
    const other = await startService({ INTERNAL_PORT: String(internal), CORS_ORIGINS: origin });
    onTestFinished(other.stop);
    const page = await open(`${origin}/docs`);
    await page.waitForSelector('.opblock');
    const response = await tryItOut(page);
    expect(response).toContain('room_not_allowed');
    await other.line(({ event, userId }) => event === 'video_token' && userId === 'alice');
  });

  it('says which origin has to be let in before a request can be tried out', async () => {
    const { page } = await openReference('/docs');
    const servers = await page.$eval('.servers select', (select) => select.textContent);
    expect(servers).toContain(`${service.origin} - This service; add ${service.internal} to CORS_`);
  });

  it('of the directory tries requests out on the listener that shows it', async () => {
    const { page } = await openReference('/docs/directory');
    const first = await page.$eval('.servers option', (option) => option.textContent);
    expect(first).toBe(`${service.internal} - This service.`);
  });

  it('unfolds a request with an example of its body and of refusals', async () => {
    const { page, complaints } = await openReference('/docs');
    await page.click('#operations-Video_token-createVideoToken .opblock-summary-control');
    const body = await page.waitForSelector('.opblock-body textarea');
    const example = await body?.evaluate((area) => (area as { value: string }).value);
    expect(Object.keys(JSON.parse(example ?? ''))).toContain('roomId');
    await page.waitForFunction(`document.body.innerText.includes('video_not_started')`);
    expect(complaints).toEqual([]);
  });
});
