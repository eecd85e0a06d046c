import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AccessRequest } from '../../src/access/access.ts';
import { ServiceError } from '../../src/errors.ts';
import { createRulesService, openAccess } from '../../src/open-access.ts';
import { NOW } from '../support/clock.ts';
import { rejectionOf } from '../support/errors.ts';
import { temporaryFolder } from '../support/folder.ts';

const REQUEST: AccessRequest = {
  userId: 'alice',
  roomId: 'room',
  videoId: 'film',
  country: undefined,
  requestId: 'request',
  videoAccess: [{ room: 'room', videos: ['film'] }],
};

describe('access over the claims of the credential', () => {
  it('has no database, and no explanation without the credential', async () => {
    const { service, database } = await openAccess({ mode: 'claims' });
    expect(database).toBeUndefined();
    expect(service).not.toHaveProperty('explain');
    expect(await service.check(REQUEST, NOW)).toEqual({ allow: true });
    expect(service.healthy()).toBe(true);
    await service.close();
  });
});

describe('access over the backend of the team', () => {
  it('has no database and no reasons: the backend knows them', async () => {
    const server = createServer((_request, response) => response.end('{"allow":true}'));
    const listening = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', listening.resolve);
    await listening.promise;
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const config = {
      mode: 'http',
      url,
      secret: 's'.repeat(32),
      timeoutMs: 1_000,
      ignoredFields: [],
    } as const;
    const { service, database } = await openAccess(config);
    expect(database).toBeUndefined();
    expect(service).not.toHaveProperty('explain');
    expect(await service.check(REQUEST, NOW)).toEqual({ allow: true });
    await service.close();
  });
});

describe('access over a directory', () => {
  it('does not read the claims of the credential', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 'access.db');
    const { service } = await openAccess({ mode: 'sqlite', path });
    expect(await service.check(REQUEST, NOW)).toMatchObject({ code: 'user_not_allowed' });
    await service.close();
    folder.remove();
  });

  it('gives no decision once it is closed', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 'access.db');
    const { service } = await openAccess({ mode: 'sqlite', path });
    await service.close();
    const error = await rejectionOf(service.check(REQUEST, NOW));
    expect(error).toMatchObject({ name: 'ServiceError', code: 'dependency_unavailable' });
    folder.remove();
  });

  it('is healthy until a question finds no answer, and again from the next answer on', async () => {
    let down = false;
    const service = createRulesService({
      facts() {
        if (down) throw new ServiceError('dependency_unavailable');
        return { user: undefined, room: undefined, video: undefined };
      },
    });
    const health: boolean[] = [service.healthy()];
    for (const state of [false, true, true, false]) {
      down = state;
      await service.check(REQUEST, NOW).catch(() => {});
      health.push(service.healthy());
    }
    expect(health).toEqual([true, true, false, false, true]);
    await service.close();
  });
});
