import type { HTTPRequest, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type DemoPage, openDemoPage } from '../../tools/demo/page.ts';
import { temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/free-port.ts';
import { JWT_SECRET } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { expectToFit, importSample, reads, SCREENS, useBrowser } from './support.ts';

// The page has to say something within 5 s; the rest is the time of a slow machine.
const SOON = { timeout: 6_500 };

describeWith('chromium', 'the page for a viewer', () => {
  const open = useBrowser();
  const folder = temporaryFolder();
  let demo: DemoPage;
  let service: Service;
  let start: () => Promise<Service>;

  beforeAll(async () => {
    const path = await importSample(folder.path);
    demo = await openDemoPage(JWT_SECRET);
    const PORT = String(await freePort());
    start = () =>
      startService({
        ...{ ACCESS_SQLITE_PATH: path, CORS_ORIGINS: demo.origin, PORT },
        ROOM_TOKENS: 'on',
      });
    service = await start();
    demo.serve(service.origin);
  });
  afterAll(async () => {
    demo.close();
    await service.stop();
    folder.remove();
  });

  /** A page on which a film plays. */
  async function openPlaying(screen = SCREENS.desktop): Promise<Page> {
    const page = await open(demo.origin, screen);
    await reads(page, 'kicker', 'Now playing');
    return page;
  }

  /** Chooses another user, who may watch the same film, so that a token is asked for. */
  async function choose(page: Page, user = 'User_456', room = 'room_789'): Promise<void> {
    await page.evaluate(`document.querySelector('[value="${room}"]').checked = true`);
    await page.evaluate(`document.querySelector('[value="${user}"]').click()`);
  }

  it('says that the device is offline when a film is chosen, and plays it when online', async () => {
    const page = await openPlaying();
    await page.setOfflineMode(true);
    await choose(page);
    await reads(page, 'title', 'You are offline', SOON);
    await page.setOfflineMode(false);
    await reads(page, 'kicker', 'Now playing');
  });

  it('says that the device is offline while a film plays, and loads nothing when online', async () => {
    const page = await openPlaying();
    await page.setOfflineMode(true);
    await reads(page, 'title', 'You are offline', SOON);
    await page.setOfflineMode(false);
    await reads(page, 'kicker', 'Now playing');
    // Logged in, loaded, offline.
    expect(await page.$$eval('#news li', (lines) => lines.length)).toBe(3);
  });

  it('says that a frozen service takes longer, and plays the film when it goes on', async () => {
    const page = await openPlaying();
    onTestFinished(() => service.kill('SIGCONT'));
    service.kill('SIGSTOP');
    await choose(page);
    await reads(page, 'title', 'This takes longer than usual', SOON);
    service.kill('SIGCONT');
    await reads(page, 'kicker', 'Now playing');
  });

  it('says that a stopped service cannot be reached, and plays the film when it is back', async () => {
    const page = await openPlaying();
    await service.stop();
    await choose(page);
    await reads(page, 'title', 'We cannot be reached', SOON);
    service = await start();
    await reads(page, 'kicker', 'Now playing');
  });

  it.each([
    [429, 'rate_limited', 'retry', 'Too many requests'],
    [503, 'overloaded', 'retry', 'We are very busy right now'],
    [503, 'dependency_unavailable', 'retry', 'We cannot check your access'],
    [401, 'credential_expired', 'sign_in', 'Your session has expired'],
  ])(
    'says what a service means that answers %i %s, and plays the film after it',
    async (...refusal) => {
      const [status, code, action, title] = refusal;
      const page = await openPlaying();
      const pass = await answerWith(page, status, { code, action });
      await choose(page);
      await reads(page, 'title', title, SOON);
      await pass();
      if (action === 'sign_in') await page.click('#act');
      await reads(page, 'kicker', 'Now playing');
    },
  );

  it('signs in by the button, also as the user who is chosen already', async () => {
    const page = await openPlaying();
    await choose(page, '', 'room_123');
    await reads(page, 'title', 'Please sign in', SOON);
    await page.click('#act');
    await reads(page, 'kicker', 'Now playing');
    expect(await page.$eval('[name=user]:checked', ({ value }: { value: string }) => value)).toBe(
      'User_123',
    );
    const pass = await answerWith(page, 401, { code: 'credential_expired', action: 'sign_in' });
    await page.evaluate(`document.querySelector('[value="249850980283055"]').click()`);
    await reads(page, 'title', 'Your session has expired', SOON);
    await pass();
    await page.click('#act');
    await reads(page, 'title', 'Not available in your country');
  });

  it('loads the film again when the player fails, and then offers to try again', async () => {
    const page = await openPlaying();
    const fail = `document.querySelector('.stage').dispatchEvent(new Event('error'))`;
    const news = () => page.$eval('#news', ({ textContent }) => textContent);
    await page.evaluate(fail);
    await page.waitForFunction(`document.querySelector('.stage').dataset.state === 'playing'`);
    expect(await news()).not.toContain('Film not loaded');
    await page.evaluate(fail);
    await reads(page, 'title', 'The film could not be loaded', SOON);
    await page.click('#act');
    await reads(page, 'kicker', 'Now playing');
  });

  it.each(Object.entries(SCREENS))(
    'shows every sentence in full on a %s screen',
    async (_name, screen) => {
      const page = await openPlaying(screen);
      await expectToFit(page);
      for (const [status, code, action] of [
        [403, 'user_not_allowed', 'contact_support'],
        [403, 'video_not_started', 'wait'],
        [502, 'unexpected_reply', 'retry'],
      ] as const) {
        const pass = await answerWith(page, status, { code, action, availableFrom: 4_102_444_800 });
        await page.evaluate(`document.querySelector('[value="User_123"]').click()`);
        await choose(page);
        await page.waitForFunction(
          `/refused|slow/.test(document.querySelector('.stage').dataset.state)`,
        );
        await expectToFit(page);
        await pass();
      }
    },
  );
});

/** Answers a page's requests for tokens with this refusal until the function that it returns is called. */
async function answerWith(
  page: Page,
  status: number,
  problem: object,
): Promise<() => Promise<void>> {
  const headers = {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-expose-headers': 'retry-after',
    'retry-after': '2',
  };
  const body = JSON.stringify({ ...problem, requestId: '0f8fad5b-d9cb-469f-a165-70867728950e' });
  const listener = (request: HTTPRequest) => {
    if (!request.url().endsWith('/video-token')) return request.continue();
    const isPreflight = request.method() === 'OPTIONS';
    return request.respond({ status: isPreflight ? 204 : status, headers, body });
  };
  await page.setRequestInterception(true);
  page.on('request', listener);
  return async () => {
    page.off('request', listener);
    await page.setRequestInterception(false);
  };
}
