import { describe, expect, it } from 'vitest';
import { createGenerator } from '../../src/token04/index.ts';
import { cli } from '../support/cli.ts';
import { NOW } from '../support/clock.ts';

const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';
const PAYLOAD = '{"room_id":"room_123","video_id":"249850980283048"}';
const INPUT = { userId: 'User_123', payload: PAYLOAD, createdAt: NOW, expireAt: NOW + 3600 };

const make = (input: Partial<typeof INPUT> = {}) =>
  createGenerator({ appId: 1, secret: SECRET })({ ...INPUT, ...input });

describe('the command inspect', () => {
  const env = { ZEGO_APP_ID: '1', ZEGO_SERVER_SECRET: SECRET };
  const now = Math.floor(Date.now() / 1000);
  const fresh = make({ createdAt: now, expireAt: now + 600 });

  it('prints JSON and exits 0 for a token that ZEGO would take now', async () => {
    const { code, stdout } = await cli(['inspect', fresh, '--json', '--expect-user', 'User_123'], {
      env,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, mode: 'cbc', problems: [] });
  });

  it('exits 1 and says why, with the error of ZEGO and without colours, for one that it would not', async () => {
    const { code, stdout } = await cli(['inspect', make()], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ It expired \d+ s ago.*\(expired, ZEGO error 1002078\)/);
    expect(stdout).not.toContain('\u001b');
  });

  it('exits 2 for a configuration that is wrong, and quotes no secret', async () => {
    const appSign = 'a1'.repeat(32);
    const { code, stderr } = await cli(['inspect', fresh], {
      env: { ZEGO_SERVER_SECRET: appSign },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('AppSign');
    expect(stderr).not.toContain(appSign);
  });

  it('exits 2 and shows the usage for a wrong option', async () => {
    const { code, stderr } = await cli(['inspect', '--nonsense'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: zego-video-token inspect');
  });
});
