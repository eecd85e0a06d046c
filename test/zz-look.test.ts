import { spawnSync } from 'node:child_process';
import puppeteer from 'puppeteer-core';
import { it } from 'vitest';
import { post } from './support/post.ts';
import { startService } from './support/service.ts';

const KEY = 'look-key-0123456789-0123456789-0123';
it('looks', async () => {
  const s = await startService({ ADMIN_API_KEY: KEY });
  const h = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const put = (p: string, b: object) =>
    fetch(`${s.internal}/directory/${p}`, { method: 'PUT', headers: h, body: JSON.stringify(b) });
  await put('users/alice', { name: 'Alice 王' });
  await put('users/bob', { name: '<b>Bob</b> ‮evil', status: 'suspended' });
  await put('videos/film2', {
    title: 'Second <script>alert(1)</script>',
    licences: [
      { from: 1700000000, until: 1750000000, regions: ['SG'] },
      { from: 1790000000, until: 1900000000, regions: ['SG', 'MY'] },
    ],
  });
  await put('rooms/room', { videoIds: ['film', 'film2'], memberIds: ['alice', 'bob'] });
  await put('rooms/r2', { status: 'closed', videoIds: ['film'], memberIds: ['alice'] });
  await post(s.origin);
  const executablePath = spawnSync('which', ['chromium'], { encoding: 'utf8' }).stdout.trim();
  const b = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--lang=en'] });
  const page = await b.newPage();
  page.on('console', (m) => console.log('CONSOLE', m.type(), m.text()));
  page.on('pageerror', (e) => console.log('PAGEERROR', String(e)));
  const port = new URL(s.internal).port;
  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(`http://localhost:${port}/`);
  await page.waitForSelector('input[type=password]');
  await page.screenshot({ path: '/tmp/shots/signin.png' });
  await page.type('input[type=password]', KEY);
  await page.keyboard.press('Enter');
  await page.waitForSelector('nav');
  await page.type('.picker input', 'ali');
  await page.waitForSelector('.matches button');
  await page.screenshot({ path: '/tmp/shots/why1.png' });
  const shots: [string, string][] = [
    ['why2', '#/why?user=bob&room=room'],
    ['why3', '#/why?user=alice&room=r2'],
    ['person', '#/person/alice'],
    ['room', '#/room/room'],
    ['film', '#/film/film2'],
    ['decisions', '#/decisions'],
    ['changes', '#/changes'],
  ];
  for (const [name, hash] of shots) {
    await page.goto(`http://localhost:${port}/${hash}`);
    await new Promise((r) => setTimeout(r, 600));
    await page.screenshot({ path: `/tmp/shots/${name}.png`, fullPage: true });
  }
  await page.setViewport({ width: 320, height: 568 });
  for (const [name, hash] of shots.slice(0, 5)) {
    await page.goto(`http://localhost:${port}/${hash}`);
    await new Promise((r) => setTimeout(r, 500));
    await page.screenshot({ path: `/tmp/shots/${name}-320.png`, fullPage: true });
    console.log(name, await page.evaluate('document.documentElement.scrollWidth'));
  }
  await b.close();
  await s.stop();
}, 120000);
