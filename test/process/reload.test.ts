import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adminKey } from '../../src/config/admin-keys.ts';
import { decode } from '../../src/token04/index.ts';
import { temporaryFolder } from '../support/folder.ts';
import { openJwksServer } from '../support/jwks-server.ts';
import { JWT_SECRET, signFreshJwt } from '../support/jwt.ts';
import { startLoad } from '../support/load.ts';
import { type Service, startProgram, startService, VARIABLES } from '../support/service.ts';

const OLD = {
  jwt: 'old-jwt-secret-0123456789-0123456789',
  zego: 'old-server-secret-0123456789abcd',
};
const NEW = {
  jwt: 'new-jwt-secret-0123456789-0123456789',
  zego: 'new-server-secret-0123456789abcd',
};

/** A service whose secrets are in files, as an orchestrator mounts them. */
async function start(more: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const files = { jwt: join(folder.path, 'jwt'), zego: join(folder.path, 'zego') };
  writeFileSync(files.jwt, `${OLD.jwt}\n`);
  writeFileSync(files.zego, `${OLD.zego}\n`);
  const service = await startService({
    AUTH_JWT_SECRET: '',
    AUTH_JWT_SECRET_FILE: files.jwt,
    ZEGO_SERVER_SECRET: '',
    ZEGO_SERVER_SECRET_FILE: files.zego,
    ...more,
  });
  onTestFinished(async () => {
    await service.stop();
    folder.remove();
  });
  return { service, files };
}

async function ask({ origin }: Pick<Service, 'origin'>, secret: string): Promise<string | number> {
  const response = await fetch(`${origin}/video-token`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await signFreshJwt({}, secret)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ roomId: 'room', videoId: 'film' }),
  });
  const { token } = (await response.json()) as { token?: string };
  return token ?? response.status;
}

const madeWith = (token: string | number, secret: string) =>
  decode(String(token), { secrets: [secret] }).claims.userId;

describe('a reload', () => {
  it('takes new secrets over on SIGHUP, and a cached credential of the old key is refused', async () => {
    const { service, files } = await start();
    expect(madeWith(await ask(service, OLD.jwt), OLD.zego)).toBe('alice');
    writeFileSync(files.jwt, NEW.jwt);
    writeFileSync(files.zego, NEW.zego);
    service.kill('SIGHUP');
    await service.line(({ msg }) => msg === 'secrets and keys reloaded');
    expect(madeWith(await ask(service, NEW.jwt), NEW.zego)).toBe('alice');
    expect(await ask(service, OLD.jwt)).toBe(401);
  });

  it('happens by itself when a file has changed', async () => {
    const { service, files } = await start();
    writeFileSync(files.zego, NEW.zego);
    await service.line(
      ({ msg, trigger }) => msg === 'secrets and keys reloaded' && trigger === 'file',
    );
    expect(madeWith(await ask(service, OLD.jwt), NEW.zego)).toBe('alice');
  });

  it('of a bad value, or of a file that is gone, keeps the old ones and says so without the value', async () => {
    const { service, files } = await start();
    writeFileSync(files.zego, 'canary-too-short');
    service.kill('SIGHUP');
    const failed = await service.line(({ msg }) => String(msg).startsWith('reload failed'));
    expect(failed).toMatchObject({
      level: 'error',
      problem: expect.stringContaining('ZEGO_SERVER_SECRET'),
    });
    unlinkSync(files.jwt);
    service.kill('SIGHUP');
    await service.line(({ problem }) => String(problem).includes('AUTH_JWT_SECRET_FILE'));
    expect(madeWith(await ask(service, OLD.jwt), OLD.zego)).toBe('alice');
    expect(service.stdout()).not.toContain('canary-too-short');
  });

  it('is tried once for a file that is gone, and again when the file is back', async () => {
    const { service, files } = await start();
    unlinkSync(files.jwt);
    await service.line(({ problem }) => String(problem).includes('AUTH_JWT_SECRET_FILE'));
    writeFileSync(files.jwt, NEW.jwt);
    await service.line(({ msg }) => msg === 'secrets and keys reloaded');
    expect(service.stdout().match(/reload failed/g)).toHaveLength(1);
    expect(madeWith(await ask(service, NEW.jwt), OLD.zego)).toBe('alice');
  });

  it('notices a file that changes while the service starts', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const file = join(folder.path, 'jwt');
    writeFileSync(file, OLD.jwt);
    // The start waits for the first answer of the backend.
    const backend = await openJwksServer((_request, response) => {
      writeFileSync(file, NEW.jwt);
      response.end('{"allow":true}');
    });
    const service = await startService({
      AUTH_JWT_SECRET: '',
      AUTH_JWT_SECRET_FILE: file,
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: backend.url,
      ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
    });
    onTestFinished(service.stop);
    await service.line(({ msg }) => msg === 'secrets and keys reloaded');
    expect(await ask(service, OLD.jwt)).toBe(401);
  });

  it('that is asked for while the service starts or ends does not end it', async () => {
    const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const release = Promise.withResolvers<void>();
    let questions = 0;
    const backend = await openJwksServer(async (_request, response) => {
      asked[questions++]?.resolve();
      if (questions === 2) await release.promise;
      response.end('{"allow":true}');
    });
    const program = startProgram({
      ...VARIABLES,
      ACCESS_MODE: 'http',
      ACCESS_HTTP_URL: backend.url,
      ACCESS_HTTP_SECRET: 'backend-secret-0123456789-0123456789',
    });
    onTestFinished(program.stop);
    await asked[0]?.promise;
    program.kill('SIGHUP');
    await program.line(({ msg }) => msg === 'secrets and keys reloaded');
    const { public: origin } = await program.line(({ msg }) => msg === 'ready');
    const answer = ask({ origin: String(origin) }, JWT_SECRET);
    await asked[1]?.promise;
    program.kill('SIGTERM');
    await program.line(({ msg }) => msg === 'draining');
    program.kill('SIGHUP');
    release.resolve();
    expect(await answer).toMatch(/^04/);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it('takes a new admin key over', async () => {
    const { service } = await start();
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const file = join(folder.path, 'admin');
    const [before, after] = [
      'admin-key-before-0123456789-0123456789',
      'admin-key-after-0123456789-0123456789',
    ];
    writeFileSync(file, before);
    await service.stop();
    const { service: keyed } = await start({ ADMIN_API_KEY_FILE: file });
    const statusWith = async (key: string) =>
      (
        await fetch(`${keyed.internal}/directory/users/nobody`, {
          headers: { authorization: `Bearer ${key}` },
        })
      ).status;
    expect(await statusWith(before)).toBe(404);
    writeFileSync(file, after);
    keyed.kill('SIGHUP');
    await keyed.line(({ msg }) => msg === 'secrets and keys reloaded');
    expect([await statusWith(before), await statusWith(after)]).toEqual([401, 404]);
  });

  it('takes named admin keys over, and keeps them when the file is wrong', async () => {
    const folder = temporaryFolder();
    onTestFinished(folder.remove);
    const file = join(folder.path, 'keys.json');
    const [before, after] = ['before', 'after'].map(
      (name) => `${name}-0123456789-0123456789-0123456789`,
    );
    const write = (key = '') =>
      writeFileSync(file, JSON.stringify([adminKey('support', key, 'read')]));
    write(before);
    const { service } = await start({ ADMIN_KEYS_FILE: file });
    const statusWith = async (key = '') =>
      (
        await fetch(`${service.internal}/directory/users/nobody`, {
          headers: { authorization: `Bearer ${key}` },
        })
      ).status;
    expect(await statusWith(before)).toBe(404);
    write(after);
    service.kill('SIGHUP');
    await service.line(({ msg }) => msg === 'secrets and keys reloaded');
    expect([await statusWith(before), await statusWith(after)]).toEqual([401, 404]);
    writeFileSync(file, '[]');
    service.kill('SIGHUP');
    await service.line(({ msg }) => msg === 'reload failed');
    expect(await statusWith(after)).toBe(404);
    expect(service.stdout()).not.toContain(after);
  });

  it('drops no request', async () => {
    const { service, files } = await start({ AUTH_JWT_SECRET_FILE: '', AUTH_JWT_SECRET: OLD.jwt });
    const load = await startLoad(service.origin, 10, OLD.jwt);
    for (const secret of [NEW.zego, OLD.zego, NEW.zego]) {
      const before = service.stdout().split('secrets and keys reloaded').length;
      writeFileSync(files.zego, secret);
      service.kill('SIGHUP');
      await expect
        .poll(() => service.stdout().split('secrets and keys reloaded').length, { timeout: 5_000 })
        .toBeGreaterThan(before);
    }
    const { seen } = await load.stop();
    expect([...seen.keys()]).toEqual(['200']);
  });
});

describe('REUSE_PORT', () => {
  it('lets two processes listen on one port; without it the second says why it cannot', async () => {
    const first = await startService({ REUSE_PORT: 'true' });
    onTestFinished(first.stop);
    const variables = { PORT: String(first.port), REUSE_PORT: 'true' };
    const second = await startService(variables);
    onTestFinished(second.stop);
    const load = await startLoad(first.origin, 40);
    const decided = () => [first, second].map((service) => service.decisions().length > 0);
    await expect.poll(decided, { timeout: 5_000 }).toEqual([true, true]);
    expect([...(await load.stop()).seen.keys()]).toEqual(['200']);
    const third = startService({ PORT: String(first.port) });
    await expect(third).rejects.toThrow(/exit 1: [\s\S]*EADDRINUSE/);
  });
});
