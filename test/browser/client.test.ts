import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DemoPage, openDemoPage } from '../../tools/demo/page.ts';
import { WANTED } from '../client/support.ts';
import { JWT_SECRET, signFreshJwt } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { useBrowser } from './support.ts';

describeWith('chromium', 'the client in a browser, from another origin than the service', () => {
  const open = useBrowser();
  let files: DemoPage;
  let service: Service;
  beforeAll(async () => {
    files = await openDemoPage(JWT_SECRET);
    service = await startService({ CORS_ORIGINS: files.origin });
  });
  afterAll(async () => {
    files.close();
    await service.stop();
  });

  /** A page of the app's origin with a client that is `wrongBy` seconds fast. */
  async function openClient(wrongBy = 0): Promise<Page> {
    const page = await open(`${files.origin}/nothing`);
    const credential = await signFreshJwt();
    await page.evaluate(`import('/client/src/index.ts').then(({ createVideoTokenClient }) => {
      globalThis.client = createVideoTokenClient({
        url: '${service.origin}/video-token',
        credential: '${credential}',
        now: () => Date.now() + ${wrongBy * 1000},
      });
      globalThis.news = [];
    })`);
    return page;
  }

  const wanted = JSON.stringify(WANTED);
  const watch = `client.watch(${wanted}, {
    onToken: ({ token }) => news.push(token.slice(0, 2)),
    onDenied: ({ code }) => news.push(code),
  }), 0`;

  it('gets a token, and the right time', async () => {
    const page = await openClient(86_400);
    const { token } = (await page.evaluate(`client.get(${wanted})`)) as { token: string };
    expect(token).toMatch(/^04/);
    const ahead = (await page.evaluate('client.now() - Date.now() / 1000')) as number;
    expect(Math.abs(ahead)).toBeLessThan(1.5);
  });

  it('throws what the service said', async () => {
    const page = await openClient();
    const refusal = await page.evaluate(
      `client.get({ roomId: 'room_closed', videoId: 'film' }).catch((error) => ({ ...error }))`,
    );
    expect(refusal).toMatchObject({ code: 'room_not_allowed', action: 'leave_room', status: 403 });
    expect(refusal).toHaveProperty('requestId', expect.stringMatching(/^[0-9a-f-]{36}$/));
  });

  it('names the origin that the service does not know, and a service that is not there', async () => {
    const other = await startService({ CORS_ORIGINS: 'https://other.example' });
    const page = await open(`${files.origin}/nothing`);
    const codeOf = (url: string) =>
      page.evaluate(`import('/client/src/index.ts').then(({ createVideoTokenClient }) =>
        createVideoTokenClient({ url: '${url}/video-token', credential: 'x' })
          .get({ ...${wanted}, signal: AbortSignal.timeout(20_000) })
          .catch(({ code, action, message }) => [code, action, message]))`);
    expect(await codeOf(other.origin)).toEqual([
      'origin_not_allowed',
      'retry',
      expect.stringContaining(`not to pages of ${files.origin}`),
    ]);
    await other.stop();
    expect(await codeOf(other.origin)).toEqual([
      'network_error',
      'retry',
      'The service cannot be reached.',
    ]);
  });

  it('reports to a watch that the device is offline, and goes on at once', async () => {
    const page = await openClient();
    await page.setOfflineMode(true);
    await page.evaluate(watch);
    await page.waitForFunction('news[0] === "network_error"', { timeout: 5_000 });
    await page.setOfflineMode(false);
    await page.waitForFunction('news[1] === "04"', { timeout: 2_000 });
  });

  it('asks nothing for a watch while another page is in front, and goes on at once', async () => {
    const page = await openClient();
    const other = await page.browserContext().newPage();
    await other.bringToFront();
    await page.waitForFunction('document.visibilityState === "hidden"', { polling: 50 });
    await page.evaluate(watch);
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 500))');
    expect(await page.evaluate('news')).toEqual([]);
    await page.bringToFront();
    await page.waitForFunction('news[0] === "04"', { timeout: 2_000 });
  });
});
