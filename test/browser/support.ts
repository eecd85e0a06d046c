import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import puppeteer, { type Browser, type Page, type Viewport } from 'puppeteer-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { openSqliteDatabase } from '../../src/directory/sqlite/database.ts';
import { cliAuthor, createStore } from '../../src/directory/store.ts';
import { importDirectory } from '../../src/directory/transfer.ts';
import { sampleDirectory } from '../../tools/demo/page.ts';

const TOUCH = { deviceScaleFactor: 1.5, isMobile: true, hasTouch: true };

export const SCREENS = {
  'small phone': { width: 320, height: 568, ...TOUCH },
  phone: { width: 390, height: 844, ...TOUCH },
  landscape: { width: 844, height: 390, ...TOUCH },
  desktop: { width: 1280, height: 800 },
};

/** The sample directory of the demo as a SQLite file in that folder. */
export async function importSample(folder: string): Promise<string> {
  const path = join(folder, 'sample.db');
  const database = await openSqliteDatabase(path);
  const lines = Readable.from([Buffer.from(await sampleDirectory(new Date()))]);
  await importDirectory(createStore(database), lines, { author: cliAuthor('test') });
  await database.close();
  return path;
}

/** To look at each frame, as puppeteer does, lays the page out again for each. */
export const POLL_MS = 50;

/** Waits until a part of the page reads so. */
export async function reads(page: Page, id: string, text: string, options = {}): Promise<void> {
  const words = JSON.stringify(text);
  await page.waitForFunction(`document.getElementById('${id}').innerText.includes(${words})`, {
    ...{ polling: POLL_MS },
    ...options,
  });
}

/** The page has no sideways scroll, and the words of the stage are in sight, apart from its edges. */
export async function expectToFit(page: Page): Promise<void> {
  const boxes = await page.evaluate(`(() => {
    scrollTo(0, 0);
    const box = (name) => document.querySelector(name).getBoundingClientRect();
    const { left, right, bottom, top } = box('.stage');
    const parts = [...document.querySelectorAll('.stage *')].map((part) => part.getBoundingClientRect());
    const shown = parts.filter(({ width }) => width > 0);
    return {
      overflow: document.documentElement.scrollWidth - innerWidth,
      margin: Math.min(...shown.flatMap((part) => [
        part.left - left, right - part.right, part.top - top, bottom - part.bottom,
      ])),
      below: Math.max(...shown.map((part) => part.bottom)) - innerHeight,
    };
  })()`);
  const { overflow, margin, below } = boxes as Record<'overflow' | 'margin' | 'below', number>;
  expect(overflow).toBeLessThanOrEqual(0);
  expect(margin).toBeGreaterThanOrEqual(12);
  expect(below).toBeLessThanOrEqual(0);
}

type OpenPage = (url: string, screen?: Viewport) => Promise<Page>;

/**
 * A Chromium for the suite that calls this, and how to open a page of an address in it: for one test, or `kept` for
 * all of them.
 */
export function useBrowser(): OpenPage & { kept: OpenPage } {
  let browser: Browser;
  beforeAll(async () => {
    const executablePath = spawnSync('which', ['chromium'], { encoding: 'utf8' }).stdout.trim();
    // Chromium has no sandbox for root, as which containers run their tests.
    const args = [
      ...['--no-sandbox', '--lang=en', '--force-prefers-reduced-motion'],
      // There is none, and to pretend one takes a processor.
      '--disable-gpu',
    ];
    browser = await puppeteer.launch({ executablePath, args });
  });
  afterAll(() => browser?.close());
  const kept: OpenPage = async (url, screen = SCREENS.desktop) => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport(screen);
    await page.goto(url);
    return page;
  };
  const open: OpenPage = async (url, screen) => {
    const page = await kept(url, screen);
    // A page that is left open goes on drawing its animations.
    onTestFinished(() => page.browserContext().close());
    return page;
  };
  return Object.assign(open, { kept });
}
