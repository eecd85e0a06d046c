import { createCipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inspectToken } from '../../src/operator/inspect.ts';
import { createGenerator } from '../../src/token04/index.ts';
import { NOW } from '../support/clock.ts';

const SECRET = 'abcdefghijklmnopqrstuvwxyzabcdef';
const OTHER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF';
const PAYLOAD = '{"room_id":"room_123","video_id":"249850980283048"}';
const INPUT = { userId: 'User_123', payload: PAYLOAD, createdAt: NOW, expireAt: NOW + 3600 };

const make = (input: Partial<typeof INPUT> = {}, secret = SECRET) =>
  createGenerator({ appId: 1, secret })({ ...INPUT, ...input });
const inspect = (token: string, expected: object = {}) =>
  inspectToken(token, { secrets: [SECRET], now: NOW + 60, ...expected });
const codes = (token: string, expected?: object) =>
  inspect(token, expected).problems.map(({ code, zegoError }) => [code, zegoError]);

/** A token whose plaintext is any text: what a generator of somebody else may have made. */
function sealAnything(plaintext: object): string {
  const iv = Buffer.alloc(16, 7);
  const cipher = createCipheriv('aes-256-cbc', SECRET, iv);
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(plaintext)), cipher.final()]);
  const head = Buffer.alloc(10);
  head.writeBigInt64BE(BigInt(INPUT.expireAt));
  head.writeUInt16BE(16, 8);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(ciphertext.length);
  return `04${Buffer.concat([head, iv, length, ciphertext]).toString('base64')}`;
}

describe('the inspection of a token', () => {
  it('that is in order finds nothing', () => {
    const expected = {
      appId: 1,
      userId: 'User_123',
      roomId: 'room_123',
      videoId: '249850980283048',
    };
    expect(inspect(make(), expected)).toEqual({
      valid: true,
      kind: 'video',
      mode: 'cbc',
      claims: { appId: 1, nonce: expect.any(Number), ...INPUT },
      problems: [],
    });
  });

  it('names a JWT given in its place', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';
    expect(codes(jwt)).toEqual([['is_jwt', 1002079]]);
  });

  it('names the secret of another project, and the previous secret', () => {
    expect(codes(make({}, OTHER))).toEqual([['wrong_secret', 20014]]);
    expect(codes(make({}, OTHER), { secrets: [SECRET, OTHER] })).toEqual([
      ['previous_secret', 20014],
    ]);
  });

  it('names an AppID, a user, a room and a video other than expected', () => {
    const expected = { appId: 2, userId: 'other', roomId: 'other', videoId: 'other' };
    expect(codes(make(), expected)).toEqual([
      ['app_id_mismatch', 1002076],
      ['user_id_mismatch', 1002077],
      ['room_id_mismatch', undefined],
      ['video_id_mismatch', undefined],
    ]);
  });

  it('names a token that has expired, and one of the future', () => {
    expect(codes(make(), { now: NOW + 3600 })).toEqual([['expired', 1002078]]);
    expect(codes(make(), { now: NOW + 3599 })).toEqual([]);
    expect(codes(make(), { now: NOW - 5 })).toEqual([]);
    expect(codes(make(), { now: NOW - 6 })).toEqual([['not_yet_valid', undefined]]);
  });

  it('names a payload that is not the JSON text of a video', () => {
    for (const payload of ['text', '{}', '[]', 'null', '{"room_id":1,"video_id":"v"}']) {
      expect(codes(make({ payload }))).toEqual([['payload_invalid', 1002075]]);
    }
  });

  it('names a payload that is an object, and an AppID that is a text', () => {
    const fields = {
      app_id: 1,
      user_id: 'u',
      nonce: 1,
      ctime: NOW,
      expire: INPUT.expireAt,
      payload: '',
    };
    const object = inspect(sealAnything({ ...fields, payload: { room_id: 'r' } }));
    expect(object.problems[0]).toMatchObject({ code: 'claims_invalid', zegoError: 1002075 });
    expect(object.problems[0]?.message).toContain('payload must be a string');
    const text = inspect(sealAnything({ ...fields, app_id: '1' }));
    expect(text.problems[0]?.message).toContain('app_id must be an integer');
  });

  it('names a timestamp that was given as a duration', () => {
    const fields = { app_id: 1, user_id: 'u', nonce: 1, ctime: 0, expire: INPUT.expireAt };
    expect(codes(sealAnything({ ...fields, payload: PAYLOAD }))).toEqual([
      ['lifetime_invalid', undefined],
    ]);
  });

  it('names a cut or changed token', () => {
    expect(codes(make().slice(0, -4))).toEqual([['truncated', 1002079]]);
    expect(codes('04')).toEqual([['truncated', 1002079]]);
    expect(codes('hello')).toEqual([['not_token04', 1002079]]);
  });
});
