import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashUserId, STRICT_IDS, subjectProblem, toUserId } from '../../src/auth/user-id.ts';
import { ZEGO_RULES, zegoRefusal } from '../../src/identifiers.ts';
import { thrownBy } from '../support/errors.ts';

const ZEGO_CHARACTERS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~!@#$%^&*()_+=-`;',.<>\\";
const KEY = 'k'.repeat(32);

describe("ZEGO's rule for ids", () => {
  it('takes each of its characters', () => {
    for (const character of ZEGO_CHARACTERS) {
      expect(zegoRefusal(character, ZEGO_RULES.user)).toBeUndefined();
    }
  });

  it('takes no other character, and says which it met and not the id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (id) => {
        const isTaken = [...id].every((character) => ZEGO_CHARACTERS.includes(character));
        const refusal = zegoRefusal(id, ZEGO_RULES.user);
        if (isTaken) expect(refusal).toBeUndefined();
        else {
          expect(refusal).toMatchObject({ zegoError: 1002006 });
          expect(refusal?.received).toMatch(/^U\+[0-9A-F]{4,6}$/);
        }
      }),
    );
    for (const character of '|:/"?[]{} é中🎬\n') {
      expect(zegoRefusal(`a${character}`, ZEGO_RULES.room)).toMatchObject({ zegoError: 1002012 });
    }
  });

  it('takes 63 bytes of a user id and 127 of a room id', () => {
    expect(zegoRefusal('a'.repeat(63), ZEGO_RULES.user)).toBeUndefined();
    expect(zegoRefusal('a'.repeat(64), ZEGO_RULES.user)).toMatchObject({
      received: '64 bytes',
      zegoError: 1002007,
    });
    expect(zegoRefusal('a'.repeat(127), ZEGO_RULES.room)).toBeUndefined();
    expect(zegoRefusal('a'.repeat(128), ZEGO_RULES.room)).toMatchObject({ zegoError: 1002013 });
  });
});

describe('a user id', () => {
  it('is the subject after the prefix of its provider', () => {
    expect(toUserId('jo', { issuer: 'us', prefix: 'a_' }, STRICT_IDS)).toBe('a_jo');
  });

  it.each(['auth0|5f7c', 'jo@films.example/x', 'あ', 'a'.repeat(64)])(
    '%s is refused as ZEGO would, for the user and not for the credential',
    (subject) => {
      expect(thrownBy(() => toUserId(subject, { issuer: 'us' }, STRICT_IDS))).toMatchObject({
        code: 'user_not_allowed',
        extras: { reason: { code: 'user_id_refused_by_zego', expected: expect.any(String) } },
      });
    },
  );

  it('is refused with its prefix, where that is what ZEGO refuses', () => {
    const refused = thrownBy(() => toUserId('jo', { issuer: 'us', prefix: 'a|' }, STRICT_IDS));
    expect(refused).toMatchObject({ code: 'user_not_allowed' });
  });

  it('has no prefix where its provider has none', () => {
    expect(toUserId('jo', { issuer: 'us' }, STRICT_IDS)).toBe('jo');
  });

  it('that is mapped may have no issuer', () => {
    const ids = { strict: true, hashKey: KEY };
    expect(toUserId('jo', { issuer: undefined }, ids)).toBe(hashUserId('', 'jo', KEY));
  });

  it.each([
    ['as it is', { strict: false, hashKey: undefined }, 64],
    ['that ZEGO accepts', { strict: true, hashKey: undefined }, 1_024],
    ['that is mapped', { strict: false, hashKey: KEY }, 1_024],
  ])('%s has a subject of a bounded length', (_, ids, longest) => {
    expect(subjectProblem('a'.repeat(longest), ids)).toBeUndefined();
    expect(subjectProblem('a'.repeat(longest + 1), ids)).toMatch(/\w/);
    expect(subjectProblem('', ids)).toMatch(/\w/);
  });

  it('that is mapped is always one that ZEGO accepts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.webUrl(), (subject, issuer) => {
        const id = toUserId(subject, { issuer }, { strict: true, hashKey: KEY });
        expect(id).toMatch(/^u_[\w-]{32}$/);
        expect(zegoRefusal(id, ZEGO_RULES.user)).toBeUndefined();
      }),
    );
  });

  it('that is mapped is the same with every run, and as published', () => {
    expect(hashUserId('https://login.example', 'auth0|5f7c', KEY)).toBe(PUBLISHED);
    expect(hashUserId('https://login.example/', 'auth0|5f7c', KEY)).toBe(PUBLISHED);
  });

  it('that is mapped is another one for another issuer, subject or key', () => {
    const ids = [
      hashUserId('https://a.example', 'jo', KEY),
      hashUserId('https://b.example', 'jo', KEY),
      hashUserId('https://a.example', 'al', KEY),
      hashUserId('https://a.example', 'jo', `${KEY}k`),
      hashUserId('https://a.exampl', 'ejo', KEY),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

/** By `printf 'https://login.example\0auth0|5f7c' | openssl dgst -sha256 -hmac kkkk… -binary | base64`. */
const PUBLISHED = 'u_DgsMXqMCUQLAXRAcyQzkGPqv2xj-8oPa';
