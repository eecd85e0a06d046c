import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decode } from '../../src/token04/index.ts';
import { compact, hmac, type Signer, signer } from '../support/compact.ts';
import { temporaryFolder } from '../support/folder.ts';
import { newKeys } from '../support/keys.ts';
import { startService, VARIABLES } from '../support/service.ts';

const ISSUER = 'https://app.example';

type Key = { text: string; header: object; sign: Signer };

const secretOf = (text: string): Key => ({ text, header: { alg: 'HS256' }, sign: hmac(text) });
const publicKeyOf = (): Key => {
  const keys = newKeys('ES256');
  return { text: keys.publicPem, header: { alg: 'ES256' }, sign: signer(keys.privateKey, 'ES256') };
};
const keySetOf = (kid: string): Key => {
  const keys = newKeys('ES256', kid);
  const text = JSON.stringify({ keys: [keys.publicJwk] });
  return { text, header: { alg: 'ES256', kid }, sign: signer(keys.privateKey, 'ES256') };
};

/** A service whose keys are in files, and requests to it. */
async function start(files: Record<string, string>, variables: Record<string, string>) {
  const folder = temporaryFolder();
  const path = (name: string) => join(folder.path, name);
  const write = (name: string, text: string) => writeFileSync(path(name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  const named = Object.entries(variables).map(([name, file]) => [name, file && path(file)]);
  const service = await startService({ AUTH_JWT_SECRET: '', ...Object.fromEntries(named) });
  onTestFinished(async () => {
    await service.stop();
    folder.remove();
  });
  /** The user id in the token, or the status of a refusal. */
  async function ask({ header, sign }: Key): Promise<string | number> {
    const exp = Math.floor(Date.now() / 1000) + 600;
    const jwt = compact(header, { iss: ISSUER, aud: 'films', sub: 'alice', exp }, sign);
    const response = await fetch(`${service.origin}/video-token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' },
      body: JSON.stringify({ roomId: 'room', videoId: 'film' }),
    });
    const { token } = (await response.json()) as { token?: string };
    if (token === undefined) return response.status;
    return decode(token, { secrets: [String(VARIABLES.ZEGO_SERVER_SECRET)] }).claims.userId;
  }
  async function reload() {
    const seen = service.stdout().split('secrets and keys reloaded').length;
    service.kill('SIGHUP');
    await service.line(
      ({ msg }) =>
        msg === 'secrets and keys reloaded' &&
        service.stdout().split('secrets and keys reloaded').length > seen,
    );
  }
  /** Asks with a key over and over until it is told to stop; returns what came. */
  function askOn(key: Key) {
    const came = new Set<string | number>();
    let stopped = false;
    const done = (async () => {
      while (!stopped) came.add(await ask(key));
      return [...came];
    })();
    return () => {
      stopped = true;
      return done;
    };
  }
  return { ask, askOn, reload, write, path };
}

describe('a key is changed as the worst hour says', () => {
  it.each<[string, string, Key, Key]>([
    [
      'secret',
      'AUTH_JWT_SECRET',
      secretOf('old-secret-'.repeat(4)),
      secretOf('new-secret-'.repeat(4)),
    ],
    ['public key', 'AUTH_JWT_PUBLIC_KEY', publicKeyOf(), publicKeyOf()],
  ])('the %s: nobody is refused, and user ids stay', async (_what, variable, before, after) => {
    const { ask, askOn, reload, write } = await start(
      { key: before.text, previous: before.text },
      { [`${variable}_FILE`]: 'key', [`${variable}_PREVIOUS_FILE`]: 'previous' },
    );
    const stop = askOn(before);
    write('previous', before.text);
    write('key', after.text);
    await reload();
    expect(await ask(after)).toBe('alice');
    expect(await ask(before)).toBe('alice');
    expect(await stop()).toEqual(['alice']);
    // The last JWT of the old key has expired; or it leaked, and must end now.
    write('previous', after.text);
    await reload();
    expect([await ask(after), await ask(before)]).toEqual(['alice', 401]);
  });

  it('the secret in the providers file: without a restart', async () => {
    const [before, after] = [secretOf('old-secret-'.repeat(4)), secretOf('new-secret-'.repeat(4))];
    const entry = (...keys: Key[]) =>
      JSON.stringify([
        {
          issuer: ISSUER,
          audience: 'films',
          userPrefix: '',
          keys: keys.map(({ text }) => ({ secret: text })),
        },
      ]);
    const files = { providers: entry(before) };
    const { ask, askOn, reload, write } = await start(files, { AUTH_PROVIDERS_FILE: 'providers' });
    const stop = askOn(before);
    write('providers', entry(after, before));
    await reload();
    expect([await ask(after), await stop()]).toEqual(['alice', ['alice']]);
    write('providers', entry(after));
    await reload();
    expect([await ask(after), await ask(before)]).toEqual(['alice', 401]);
  });

  it('a key set in a file: both keys for a while, then the new one alone', async () => {
    const [before, after] = [keySetOf('a'), keySetOf('b')];
    const both = JSON.stringify({
      keys: [before, after].flatMap(({ text }) => JSON.parse(text).keys),
    });
    const { ask, askOn, reload, write } = await start(
      { keys: before.text },
      { AUTH_JWKS_FILE: 'keys' },
    );
    expect(await ask(after)).toBe(401);
    const stop = askOn(before);
    write('keys', both);
    await reload();
    expect([await ask(after), await stop()]).toEqual(['alice', ['alice']]);
    write('keys', after.text);
    await reload();
    expect([await ask(after), await ask(before)]).toEqual(['alice', 401]);
  });
});
