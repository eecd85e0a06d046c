import { spawnSync } from 'node:child_process';
import puppeteer, { type Browser, type Page, type Viewport } from 'puppeteer-core';
import { afterAll, beforeAll } from 'vitest';

/** What a phone and a desktop show. */
export const SCREENS = {
  phone: { width: 390, height: 844, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true },
  desktop: { width: 1280, height: 800 },
};

/** A Chromium for the suite that calls this, and how to open a page of an address in it. */
export function useBrowser(): (url: string, screen?: Viewport) => Promise<Page> {
  let browser: Browser;
  beforeAll(async () => {
    const executablePath = spawnSync('which', ['chromium'], { encoding: 'utf8' }).stdout.trim();
    // Chromium has no sandbox for root, as which containers run their tests.
    browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--lang=en'] });
  });
  afterAll(() => browser?.close());
  return async (url, screen = SCREENS.desktop) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport(screen);
    await page.goto(url);
    return page;
  };
}
