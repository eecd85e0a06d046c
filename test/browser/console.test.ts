import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminKey } from '../../src/config/admin-keys.ts';
import { temporaryFolder } from '../support/folder.ts';
import { post } from '../support/post.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { POLL_MS, useBrowser } from './support.ts';

const WRITE = 'console-write-key-0123456789-01234567';
const READ = 'console-read-key-0123456789-012345678';
const AXE = axe.source;

/** Texts that would do something if they were not text. */
const HOSTILE = `<img src=x onerror="document.title='taken'"><b>x</b> \u202egnal`;

describeWith('chromium', 'the console', () => {
  const open = useBrowser();
  const folder = temporaryFolder();
  let service: Service;
  let root: string;
  beforeAll(async () => {
    const keys = join(folder.path, 'keys.json');
    const list = [adminKey('content', WRITE, 'write'), adminKey('support', READ, 'read')];
    writeFileSync(keys, JSON.stringify(list));
    service = await startService({ ADMIN_KEYS_FILE: keys });
    root = service.internal.replace('127.0.0.1', 'localhost');
    await put('users/alice', { name: 'Alice Wang' });
    await put('users/mallory', { name: HOSTILE, status: 'suspended' });
    await put('users/carol', { name: 'Carol Li' });
    await put('videos/hostile', { title: HOSTILE });
    await put('rooms/evening', { videoIds: ['film', 'hostile'], memberIds: ['alice', 'mallory'] });
    await put('rooms/shut', { status: 'closed', videoIds: ['film'], memberIds: ['alice'] });
  });
  afterAll(async () => {
    await service.stop();
    folder.remove();
  });

  async function put(path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${WRITE}`, 'content-type': 'application/json' };
    const init = { method: 'PUT', headers, body: JSON.stringify(body) };
    const { status } = await fetch(`${service.internal}/directory/${path}`, init);
    expect(status).toBe(200);
  }

  /** What the page shows. */
  const shows = (page: Page, text: string) =>
    page.waitForFunction(`document.body.innerText.includes(${JSON.stringify(text)})`, {
      polling: POLL_MS,
    });

  async function click(page: Page, text: string): Promise<void> {
    const button = await page.waitForSelector(`::-p-xpath(//button[normalize-space()="${text}"])`);
    await button?.click();
  }

  type Signed = { page: Page; complaints: string[]; foreign: string[] };
  const signed = new Map<string, Signed>();

  /** The page of the console that is signed in with a key, at a screen; the same for all tests. */
  async function signedIn(key: string, hash = '#/why'): Promise<Signed> {
    const known = signed.get(key) ?? (await openSigned(key, await open.kept('about:blank')));
    signed.set(key, known);
    // Another screen in between, so that the one that is asked for is read anew.
    await known.page.evaluate(`location.hash = '#/decisions'`);
    await known.page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await known.page.evaluate(
      'new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))',
    );
    return known;
  }

  /** Signs a page in, and collects what it complains about and what it asks elsewhere. */
  async function openSigned(key: string, page: Page, hash = ''): Promise<Signed> {
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(root)) foreign.push(request.url());
    });
    const headers = { authorization: `Bearer ${key}`, host: new URL(root).host };
    const answer = await fetch(`${root}/session`, { method: 'POST', headers });
    const [name = '', value = ''] = answer.headers.getSetCookie()[0]?.split(/[=;]/) ?? [];
    await page.browserContext().setCookie({ name, value, domain: 'localhost', httpOnly: true });
    await page.goto(`${root}/${hash}`);
    await page.waitForSelector('nav');
    return { page, complaints, foreign };
  }

  /** The same on a page of its own, for a test that breaks it. */
  const signedInAlone = async (key: string, hash = '') =>
    openSigned(key, await open('about:blank'), hash);

  async function pick(page: Page, label: string, text: string): Promise<void> {
    const place = `//label[starts-with(normalize-space(), "${label}")]/following-sibling::input`;
    const field = await page.waitForSelector(`::-p-xpath(${place})`);
    await field?.type(text);
    const match = await page.waitForSelector('.matches button');
    await match?.click();
  }

  describe('why a person may not watch', () => {
    it('is found by name in a few clicks, and made good by a key that may change', async () => {
      const { page, complaints, foreign } = await signedIn(WRITE);
      await pick(page, 'Person', 'carol li');
      const room = await page.waitForSelector(
        '::-p-xpath(//input[@id=//label[contains(., "Room")]/@for])',
      );
      await room?.type('even');
      await page.waitForSelector('.matches button');
      // Enter takes the only one that is found.
      await room?.press('Enter');
      await click(page, 'Why?');
      await shows(page, 'The person is not a member of the room.');
      await shows(page, 'You are not in the list of this room at the moment.');
      await click(page, 'Make a member');
      await shows(page, 'Make carol a member of evening?');
      await shows(page, 'The list of changes will name content.');
      await click(page, 'Yes, do it');
      await shows(page, 'She may watch this film now.');
      const changes = await fetch(`${service.internal}/directory/changes?id=carol&limit=1`, {
        headers: { authorization: `Bearer ${READ}` },
      });
      expect(await changes.json()).toMatchObject({
        changes: [{ actor: 'content', type: 'member', id: 'carol', roomId: 'evening' }],
      });
      expect({ complaints, foreign }).toEqual({ complaints: [], foreign: [] });
    });

    it.each([
      ['alice', 'shut', 'The room is closed.', 'Open the room', 'Open shut?'],
      ['mallory', 'evening', 'The account is suspended.', 'Reinstate', 'Reinstate mallory?'],
    ])('of %s in %s has the button that helps', async (user, room, reason, button, question) => {
      const { page } = await signedIn(WRITE, `#/why?user=${user}&room=${room}`);
      await shows(page, reason);
      await click(page, button);
      await shows(page, question);
      await click(page, 'No');
      await page.waitForSelector('dialog:not([open])');
      await shows(page, reason);
    });

    it('has no button for a key that may read, and says whom to ask', async () => {
      const { page } = await signedIn(READ, '#/why?user=alice&room=shut');
      await shows(page, 'The room is closed.');
      await shows(
        page,
        'Your key may only read. Ask a colleague whose key may change: Open the room',
      );
      const buttons = await page.$$eval('main button', (all) => all.map((one) => one.textContent));
      expect(buttons).toEqual(['Why?', 'Look it up']);
    });

    it('shows the rooms of a person whose room is not known', async () => {
      const { page } = await signedIn(READ, '#/why?user=alice');
      await shows(page, 'The rooms of this person');
      const link = await page.waitForSelector('::-p-xpath(//main//a[contains(., "shut")])');
      await link?.click();
      await shows(page, 'The room is closed.');
    });

    it('shows new requests of the person as they come', async () => {
      const { page } = await signedIn(READ, '#/why?user=alice&room=room&film=film');
      await shows(page, 'She may watch this film now.');
      const before = await page.$$eval('.entries > li', (all) => all.length);
      await post(service.origin);
      await page.waitForFunction(`document.querySelectorAll('.entries > li').length > ${before}`);
    });
  });

  describe('a reference number', () => {
    it('leads to the decision, the rules then, what has changed since, and the rules now', async () => {
      await post(service.origin);
      const { requestId } = await service.line(({ outcome }) => outcome === 'issued');
      await put('videos/film', { title: 'Renamed' });
      const { page } = await signedIn(READ, `#/why?reference=${requestId}`);
      await shows(page, 'A token was made.');
      await shows(page, 'The rules at that moment');
      await shows(page, 'title: –');
      await shows(page, 'The rules now');
    });

    it('of another replica says how to ask that one', async () => {
      const { page } = await signedIn(READ, '#/why?reference=unknown-1');
      await shows(page, 'does not have this number among its last 500 decisions');
      await shows(page, 'kubectl port-forward');
    });
  });

  describe('a failure', () => {
    it('of a change that somebody else made first is shown, and nothing is lost', async () => {
      const { page } = await signedIn(WRITE, '#/person/carol');
      await click(page, 'Suspend');
      await shows(page, 'Suspend carol?');
      await put('users/carol', { name: 'Carol Zhang' });
      await click(page, 'Yes, do it');
      await shows(page, 'Somebody has changed this since you opened it.');
      await click(page, 'Close');
      await shows(page, 'Carol Zhang');
      await shows(page, 'active');
    });

    it.each<[string, number, object, string]>([
      [
        '503',
        503,
        { code: 'dependency_unavailable' },
        'The directory cannot be read at the moment',
      ],
      ['an unknown code', 500, { code: 'internal_error', requestId: 'r-1' }, 'Reference r-1'],
      ['a page of a proxy', 502, {}, 'The service refused (HTTP 502).'],
    ])('of the service is said, and tried again: %s', async (_name, status, body, words) => {
      const { page } = await signedInAlone(READ);
      await page.setRequestInterception(true);
      let fails = true;
      page.on('request', (request) => {
        if (!fails || !request.url().includes('/directory/rooms/room'))
          return void request.continue();
        void request.respond({ status, body: JSON.stringify(body) });
      });
      await page.evaluate(`location.hash = '#/room/room'`);
      await shows(page, words);
      fails = false;
      await click(page, 'Try again');
      await shows(page, 'Before the evening');
    });

    it('of the network is said', async () => {
      const { page } = await signedInAlone(READ);
      await page.setOfflineMode(true);
      await page.evaluate(`location.hash = '#/film/film'`);
      await shows(page, 'The service does not answer.');
    });

    it('of the session shows the sign-in, and goes on where it was', async () => {
      const { page } = await signedInAlone(READ, '#/film/film');
      await shows(page, 'Licences');
      const cookies = await page.browserContext().cookies();
      await page.browserContext().deleteCookie(...cookies);
      await page.evaluate(`location.hash = '#/room/room'`);
      await shows(page, 'Your session has ended. Sign in again.');
      await page.type('input[type=password]', READ);
      await page.keyboard.press('Enter');
      await shows(page, 'Before the evening');
    });

    it('of a key is said', async () => {
      const page = await open(`${root}/`);
      await page.waitForSelector('input[type=password]');
      await page.type('input[type=password]', 'x'.repeat(40));
      await page.keyboard.press('Enter');
      await shows(page, 'This is none of the keys.');
    });
  });

  describe('an import', () => {
    const choose = async (page: Page, name: string, text: string) => {
      const path = join(folder.path, name);
      writeFileSync(path, text);
      const input = await page.waitForSelector('input[type=file]');
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(path);
    };

    it('says what it would change, and changes it when asked to', async () => {
      const { page } = await signedIn(WRITE, '#/changes');
      await choose(
        page,
        'a.ndjson',
        '{"type":"user","id":"new"}\n{"type":"video","id":"film_sg","regions":null}\n',
      );
      await shows(page, 'It would change:');
      await shows(page, 'person: 1 new');
      await shows(page, 'Licences that become wider: 1');
      await click(page, 'Import it');
      await shows(page, 'Imported.');
      await shows(page, 'film_sg');
    });

    it('names each wrong line', async () => {
      const { page } = await signedIn(WRITE, '#/changes');
      await choose(
        page,
        'b.ndjson',
        '{"type":"user","id":"x","colour":1}\n{"type":"userr","id":"y"}\n',
      );
      await shows(page, '2 problems; nothing was changed:');
      await shows(page, 'line 2');
    });

    it('of a spreadsheet is told what is expected', async () => {
      const { page } = await signedIn(READ, '#/changes');
      await choose(page, 'c.csv', 'id,name\nx,y\n');
      await shows(page, 'This file is not NDJSON');
    });
  });

  it('checks an evening', async () => {
    const { page } = await signedIn(READ, '#/room/evening');
    await click(page, 'Check');
    await shows(page, 'members will be refused:');
    await shows(page, 'mallory');
  });

  it('shows hostile names and titles as text', async () => {
    const { page, complaints } = await signedIn(READ);
    for (const [screen, text] of [
      ['person/mallory', HOSTILE],
      ['film/hostile', HOSTILE],
      ['room/evening', HOSTILE],
      [`person/${encodeURIComponent(HOSTILE.slice(0, 40))}`, 'There is nothing with this id.'],
    ]) {
      await page.evaluate(`location.hash = ${JSON.stringify(`#/${screen}`)}`);
      await shows(page, String(text));
    }
    expect(await page.title()).not.toContain('taken');
    expect(await page.$$('main img')).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('is used by the keyboard alone', async () => {
    const { page } = await signedInAlone(READ);
    const focused = () => page.evaluate('document.activeElement?.textContent');
    const seen: unknown[] = [];
    for (let i = 0; i < 20 && !seen.includes('Why?'); i++) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
    }
    expect(seen).toContain('Skip to the content');
    expect(seen).toContain('Import and changes');
    expect(seen).toContain('Sign out');
  });

  it('signs out', async () => {
    const { page } = await signedInAlone(READ);
    await click(page, 'Sign out');
    await page.waitForSelector('input[type=password]');
    await page.reload();
    await page.waitForSelector('input[type=password]');
  });

  const HASHES = [
    '#/why?user=carol&room=room_foreign',
    '#/why?user=alice&room=shut',
    '#/person/alice',
    '#/room/evening',
    '#/film/film_sg',
    '#/decisions',
    '#/changes',
  ];

  it('scrolls no screen sideways, at any width', async () => {
    const { page } = await signedInAlone(WRITE);
    for (const hash of HASHES) {
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
      await page.waitForNetworkIdle({ idleTime: 50, concurrency: 1 });
      for (const width of [320, 768, 1280, 1920]) {
        await page.setViewport({ width, height: 800 });
        const scroll = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect([hash, width, scroll]).toEqual([hash, width, 0]);
      }
    }
  });

  it.each(['en', 'zh-CN'])(
    'has nothing that axe finds, light and dark: in %s',
    async (language) => {
      const { page } = await signedInAlone(WRITE);
      if (language !== 'en') await click(page, '中文');
      await page.waitForSelector(`html[lang="${language}"]`);
      await page.evaluate(AXE);
      for (const hash of HASHES) {
        await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
        await page.waitForNetworkIdle({ idleTime: 50, concurrency: 1 });
        await page.$$eval('details', (all) => {
          for (const one of all) one.open = true;
        });
        // Colours are all that differs in the dark.
        for (const [scheme, rules] of [
          ['light', ''],
          ['dark', `{ runOnly: ['color-contrast'] }`],
        ] as const) {
          await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
          const found = (await page.evaluate(`axe.run(${rules})`)) as { violations: AxeFinding[] };
          const findings = found.violations.map(({ id, nodes }) => [
            id,
            nodes.map(({ html }) => html),
          ]);
          expect([hash, scheme, findings]).toEqual([hash, scheme, []]);
        }
      }
    },
  );
});

type AxeFinding = { id: string; nodes: { html: string }[] };
