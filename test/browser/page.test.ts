import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.ts';
import { freePort } from '../support/free-port.ts';
import { describeWith } from '../support/program.ts';
import { expectToFit, reads, SCREENS, useBrowser } from './support.ts';

const DEMO = fileURLToPath(new URL('../../tools/demo.ts', import.meta.url));
// UPDATE_IMAGES=true writes them; each run would make other ones, for the time of day is in them.
const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));

describeWith('chromium', 'the page of the demo', () => {
  const open = useBrowser();
  let demo: ChildProcess;
  let address: string;
  beforeAll(async () => {
    const env = { PATH: process.env.PATH, PORT: String(await freePort()) };
    demo = spawn(process.execPath, [DEMO], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    address = await addressIn(demo);
  });
  afterAll(async () => {
    demo.kill('SIGINT');
    await once(demo, 'exit');
  });

  it('plays a film and shows how long its token lives', async () => {
    const page = await open(address);
    await reads(page, 'title', 'The Long Voyage');
    await reads(page, 'kicker', 'Now playing');
    await reads(page, 'left', ' s left');
    await reads(page, 'news', 'Token received, film loaded');
  });

  it('explains each refusal to a viewer who walks through the films with the keyboard', async () => {
    const page = await open(address);
    await reads(page, 'kicker', 'Now playing');
    await tabTo(page, 'film');
    for (const title of [
      'Not available in your country',
      'The premiere is still to come',
      'This film has left the programme',
      'This film is not showing here',
    ]) {
      await page.keyboard.press('ArrowDown');
      await reads(page, 'title', title);
      await reads(page, 'left', 'No token');
    }
    await page.keyboard.press('ArrowDown');
    await reads(page, 'kicker', 'Now playing');
  });

  it('speaks Chinese to who wants it, with the reference of each refusal', async () => {
    const page = await open(address);
    await page.click('#language');
    await reads(page, 'kicker', '正在播放');
    const left = await page.$$eval('[data-word], h3, #refusals p, legend, small', (all) =>
      all.map(({ textContent }) => textContent ?? ''),
    );
    expect(
      left.filter((text) => /[a-z]{3}/.test(text.replace(/User_\w+|CORS_ORIGINS/, ''))),
    ).toEqual(['English']);
    await tabTo(page, 'film');
    await page.keyboard.press('ArrowDown');
    await reads(page, 'title', '你所在的国家或地区无法观看');
    await reads(page, 'reference', '编号 ');
  });

  it('explains closed rooms and suspended accounts, and lets a guest sign in', async () => {
    const page = await open(address);
    await reads(page, 'kicker', 'Now playing');
    await tabTo(page, 'room');
    await page.keyboard.press('ArrowDown');
    await reads(page, 'title', 'You are not in this room');
    await page.keyboard.press('ArrowUp');
    await tabTo(page, 'user', true);
    await page.keyboard.press('ArrowUp');
    await reads(page, 'title', 'Please sign in');
    await page.keyboard.press('ArrowUp');
    await reads(page, 'title', 'Your account cannot watch films');
    await reads(page, 'reference', 'Reference ');
    await page.focus('#act');
    await page.keyboard.press('Enter');
    await reads(page, 'act', 'Copied');
    await tabTo(page, 'user');
    await page.keyboard.press('ArrowDown');
    await reads(page, 'act', 'Sign in');
    await page.focus('#act');
    await page.keyboard.press('Enter');
    await reads(page, 'kicker', 'Now playing');
  });

  it('has words of its own for every refusal of the service', async () => {
    const page = await open(address);
    await page.waitForSelector('#refusals li');
    const codes = await page.$$eval('#refusals code', (all) => all.map((code) => code.textContent));
    expect(codes).toEqual(expect.arrayContaining([...ERROR_CODES]));
    const titles = await page.$$eval('#refusals h3', (all) =>
      all.map((title) => title.textContent),
    );
    expect(new Set(titles).size).toBe(codes.length);
    await page.focus('summary');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#refusals li', { visible: true });
  });

  it.each(['phone', 'desktop'] as const)(
    'fits a %s, as the images of the README show it',
    async (name) => {
      const page = await open(address, SCREENS[name]);
      await reads(page, 'kicker', 'Now playing');
      if (name === 'phone') {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
        await page.focus('[value="249850980283062"]');
        await page.keyboard.press('Space');
        await reads(page, 'title', 'The premiere is still to come');
        await page.evaluate('document.activeElement.blur(), scrollTo(0, 0)');
      }
      await expectToFit(page);
      // What fades in has to be there first.
      await page.evaluate(
        'Promise.allSettled(document.getAnimations().map(({ finished }) => finished))',
      );
      const image = await page.screenshot();
      expect(image.length).toBeLessThan(220_000);
      if (process.env.UPDATE_IMAGES) await writeFile(`${IMAGES}watch-${name}.png`, image);
    },
  );
});

/** Where the demo says that its page is. */
async function addressIn({ stdout }: ChildProcess): Promise<string> {
  const lines = createInterface({ input: stdout as NodeJS.ReadableStream });
  for await (const line of lines) {
    const [, address] = /in a browser: (\S+)/.exec(line) ?? [];
    if (address) {
      stdout?.resume();
      return address;
    }
  }
  throw new Error('the demo ended without a page');
}

/** Presses Tab until the keyboard is in that group of choices. */
async function tabTo(page: Page, name: string, backwards = false): Promise<void> {
  for (let press = 0; press < 10; press += 1) {
    if ((await page.evaluate('document.activeElement.name')) === name) return;
    if (backwards) await page.keyboard.down('Shift');
    await page.keyboard.press('Tab');
    if (backwards) await page.keyboard.up('Shift');
  }
  throw new Error(`the keyboard does not come to ${name}`);
}
