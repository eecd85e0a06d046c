import { randomBytes } from 'node:crypto';
import supertest from 'supertest';
import { expect, it } from 'vitest';
import { type AdminKey, adminKey, readAdminKeys } from '../../src/config/admin-keys.ts';
import { adminOptions, openInternal } from '../support/admin.ts';

const newKey = () => randomBytes(32).toString('base64url');
const READ = newKey();
const WRITE = newKey();
const SHORT = 'short-key-of-31-characters-0123';
const KEYS = [
  adminKey('support', READ, 'read'),
  adminKey('content', WRITE, 'write'),
  adminKey('short', SHORT, 'write'),
];

async function open(keys: () => readonly AdminKey[] = () => KEYS) {
  const { origin, lines } = await openInternal(adminOptions(keys));
  const call = (
    method: 'get' | 'head' | 'put' | 'patch' | 'post' | 'delete',
    path: string,
    key: string,
  ) => supertest(origin)[method](`/directory/${path}`).set('authorization', `Bearer ${key}`);
  return { call, lines };
}

it('names the key of each change', async () => {
  const { call } = await open();
  await call('put', 'users/alice', WRITE).send({}).expect(200);
  const { body } = await call('get', 'changes', READ).expect(200);
  expect(body.changes).toMatchObject([{ actor: 'content', type: 'user', id: 'alice' }]);
});

it.each([
  ['get', 'users/alice', 200],
  ['head', 'users/alice', 200],
  ['get', 'changes', 200],
  ['get', 'explain?userId=a&roomId=b&videoId=c', 200],
  ['get', 'export', 403],
  ['head', 'export', 403],
  ['put', 'users/alice', 403],
  ['patch', 'users/alice', 403],
  ['delete', 'users/alice', 403],
  ['put', 'rooms/room/members/alice', 403],
  ['post', 'import', 403],
] as const)('answers a key with the role read: %s %s is %s', async (method, path, status) => {
  const { call } = await open();
  await call('put', 'users/alice', WRITE).send({}).expect(200);
  const { body } = await call(method, path, READ).expect(status);
  if (status === 403 && method !== 'head') {
    expect(body).toMatchObject({ code: 'read_only_key', action: 'contact_support' });
  }
});

it('refuses a key of fewer than 32 characters, although its hash is listed', async () => {
  const { call } = await open();
  await call('get', 'changes', SHORT).expect(401);
});

it('answers 429 after ten wrong keys in a minute, and takes a right one', async () => {
  const { call, lines } = await open();
  const wrong = newKey();
  for (let n = 0; n < 10; n++) await call('get', 'changes', wrong).expect(401);
  const { body, headers } = await call('get', 'changes', wrong).expect(429);
  expect(body).toMatchObject({ code: 'rate_limited', action: 'retry' });
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  await call('get', 'changes', READ).expect(200);
  await call('put', 'users/bob', WRITE).send({}).expect(200);
  const log = lines.join('');
  for (const secret of [wrong, READ, WRITE, ...KEYS.map(({ keyHash }) => keyHash)]) {
    expect(log).not.toContain(secret);
  }
});

it('refuses a key that was taken away', async () => {
  let keys = KEYS;
  const { call } = await open(() => keys);
  await call('get', 'changes', READ).expect(200);
  keys = KEYS.slice(1);
  await call('get', 'changes', READ).expect(401);
});

const KEY = { name: 'support', keyHash: 'ab'.repeat(32), role: 'read' };

it.each<[string, unknown, RegExp]>([
  ['an empty list', [], /must have an entry/],
  ['no list', KEY, /must be a list of keys/],
  ['the name admin', [{ ...KEY, name: 'admin' }], /must not be admin/],
  ['the name Admin', [{ ...KEY, name: 'Admin' }], /must not be admin/],
  ['a name with a line end', [{ ...KEY, name: 'a\nb' }], /must be 1 to 64 letters/],
  ['an empty name', [{ ...KEY, name: '' }], /must be 1 to 64 letters/],
  ['a name with a colon', [{ ...KEY, name: 'cli:root' }], /must be 1 to 64 letters/],
  ['no name', [{ ...KEY, name: undefined }], /\[0\.name\] is required/],
  ['an unknown role', [{ ...KEY, role: 'owner' }], /must be read or write/],
  ['an unknown field', [{ ...KEY, keyhash: 'x' }], /unknown field "keyhash"/],
  ['a short hash', [{ ...KEY, keyHash: 'ab'.repeat(31) }], /must be the SHA-256/],
  ['a key for its hash', [{ ...KEY, keyHash: READ }], /must be the SHA-256/],
  ['the hash of nothing', [adminKey('support', '', 'read')], /SHA-256 of nothing/],
  ['a name twice', [KEY, { ...KEY, keyHash: 'cd'.repeat(32) }], /support is given twice/],
  ['a key twice', [KEY, { ...KEY, name: 'other' }], /are the same key/],
  ['the key of ADMIN_API_KEY', [adminKey('other', WRITE, 'read')], /are the same key/],
])('refuses a file with %s, and quotes no secret', (_name, content, message) => {
  const texts = { ADMIN_KEYS_FILE: '/keys', ADMIN_API_KEY: WRITE };
  const { problems } = readAdminKeys(texts, () => JSON.stringify(content));
  expect(problems).toMatchObject(
    [{ variable: 'ADMIN_KEYS_FILE', message }].map(({ variable }) => ({ variable })),
  );
  expect(problems[0]?.message).toMatch(message);
  expect(JSON.stringify(problems)).not.toContain(READ);
});

it('reads ADMIN_API_KEY as the key admin, which may write', () => {
  const { value } = readAdminKeys({ ADMIN_API_KEY: WRITE }, () => '');
  expect(value).toEqual([adminKey('admin', WRITE, 'write')]);
});
