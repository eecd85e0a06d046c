import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIONS } from '../../src/http/problems/table.ts';
import { temporaryFolder } from '../support/folder.ts';
import { JWT_SECRET, signFreshJwt } from '../support/jwt.ts';
import { type Service, startService } from '../support/service.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (page: string) => readFileSync(join(ROOT, 'docs/integration', page), 'utf8');

/** The JavaScript of a page, as one module. */
function javascriptOf(page: string): string {
  return [...read(page).matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code).join('\n');
}

describe('the integration guides', () => {
  const folder = temporaryFolder();
  let service: Service;
  beforeAll(async () => {
    symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
    service = await startService();
  });
  afterAll(async () => {
    await service.stop();
    folder.remove();
  });

  async function importFrom(page: string) {
    const path = join(folder.path, page.replace('.md', '.mjs'));
    writeFileSync(path, javascriptOf(page));
    return import(pathToFileURL(path).href);
  }

  it.each(['README.md', 'README.zh-CN.md', 'web.md', 'android.md', 'ios.md'])(
    'say what to do at every action in %s',
    (page) => {
      for (const action of ACTIONS) expect(read(page)).toContain(action);
    },
  );

  it.each(['android.md', 'ios.md'])('follow the order of ZEGO in %s', (page) => {
    const code = read(page);
    const order =
      /createEngine.*\binit[(:].*[.\]] ?loginRoom.*player[. ]stop.*loadCopyrightedVideo/s;
    expect(code).toMatch(order);
    expect(code).toMatch(/onRoomExtraInfoUpdate.*roomExtraInfoUpdated/s);
  });

  it('get a token by hand from a page', async () => {
    const { askForToken } = await importFrom('web.md');
    const url = `${service.origin}/video-token`;
    const jwt = await signFreshJwt();
    const wanted = { roomId: 'room', videoId: 'film' };
    expect(await askForToken(url, jwt, wanted)).toMatchObject({ token: expect.any(String) });
    await expect(askForToken(url, jwt, { ...wanted, roomId: 'none' })).rejects.toMatchObject({
      code: 'room_not_allowed',
      action: 'leave_room',
      requestId: expect.any(String),
    });
  });

  it('get a token on behalf of a user from a backend', async () => {
    process.env.AUTH_JWT_SECRET = JWT_SECRET;
    const { videoToken } = await importFrom('server.md');
    const url = `${service.origin}/video-token`;
    const wanted = { roomId: 'room', videoId: 'film' };
    const { expireAt } = await videoToken(url, 'alice', wanted, '203.0.113.7');
    expect(expireAt).toBeGreaterThan(Date.now() / 1000);
    await expect(videoToken(url, 'nobody', wanted, '203.0.113.7')).rejects.toMatchObject({
      code: 'user_not_allowed',
      action: 'contact_support',
    });
  });
});
