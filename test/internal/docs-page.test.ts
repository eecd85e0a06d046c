import { readFileSync } from 'node:fs';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { useBrowser } from '../client/browser.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';

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

  /** A page of the reference, once it shows the operations, and what it complained about. */
  async function openReference(path: string): Promise<{ page: Page; complaints: string[] }> {
    const page = await open('about:blank');
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
    ['/docs/', 'openapi.yaml'],
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
    expect(listed.sort()).toEqual(operationsOf(file).sort());
    expect(complaints).toEqual([]);
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
