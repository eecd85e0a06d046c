import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cli } from '../support/cli.ts';
import { temporaryFolder } from '../support/folder.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const env = {
  ZEGO_APP_ID: '1',
  ZEGO_SERVER_SECRET: 'abcdefghijklmnopqrstuvwxyzabcdef',
  AUTH_JWT_SECRET: 'doctor-jwt-secret-0123456789-0123456789',
  ACCESS_SQLITE_PATH: join(folder.path, 'access.db'),
};
const LINES = `{"type":"user","id":"auth0|5f7c"}
{"type":"user","id":"jo"}
{"type":"video","id":"影片"}
{"type":"room","id":"放映室","videoIds":["影片"],"memberIds":["jo"]}
`;
const WARNING = 'ZEGO refuses 1 user ids and 1 room ids: "auth0|5f7c", "放映室"';

it('an import keeps ids that ZEGO refuses, and warns of them', async () => {
  expect(await cli(['directory', 'import', '-'], { env, input: LINES })).toEqual({
    code: 0,
    stdout:
      'Imported 2 users, 1 videos and 1 rooms; entries that the file does not name are kept.\n',
    stderr: `warning: ${WARNING}\n`,
  });
});

it('doctor lists them as a warning, and not where ZEGO_ID_RULE=off takes them', async () => {
  await cli(['directory', 'import', '-'], { env, input: LINES });
  const examine = async (more: object) => {
    const { code, stdout } = await cli(['doctor', '--json'], { env: { ...env, ...more } });
    return { code, findings: JSON.parse(stdout).findings };
  };
  const ids = { check: 'ids', ok: true, detail: WARNING };
  expect(await examine({})).toMatchObject({
    code: 0,
    findings: expect.arrayContaining([expect.objectContaining(ids)]),
  });
  const { findings } = await examine({ ZEGO_ID_RULE: 'off' });
  expect(findings.map(({ check }: { check: string }) => check)).not.toContain('ids');
});

it('inspect says that ZEGO refuses the ids in a token', async () => {
  const triple = ['--user', 'auth0|5f7c', '--room', '放映室', '--video', 'v'];
  const { stdout: token } = await cli(['mint', ...triple], { env });
  const { code, stdout } = await cli(['inspect', token.trim(), '--json'], { env });
  expect(code).toBe(1);
  expect(JSON.parse(stdout).problems).toMatchObject([
    { code: 'user_id_refused', zegoError: 1002006 },
    { code: 'room_id_refused', zegoError: 1002012 },
  ]);
});
