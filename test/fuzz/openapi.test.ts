import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signFreshJwt } from '../support/jwt.ts';
import { describeWith } from '../support/program.ts';
import { type Service, startService } from '../support/service.ts';
import { type Document, type FuzzResult, fuzz } from './specmatic.ts';

const ADMIN_KEY = 'fuzz-admin-key-0123456789-0123456789';
const DIRECTORY = fileURLToPath(new URL('../../examples/directory.ndjson', import.meta.url));
const NDJSON = 'application/x-ndjson';
const USER = 'User_123';
const ROOM = 'room_123';
const FILM = '249850980283048';

describeWith('java', 'requests that Specmatic makes of the OpenAPI documents', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ ADMIN_API_KEY: ADMIN_KEY });
    const imported = await fetch(`${service.internal}/directory/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': NDJSON },
      body: readFileSync(DIRECTORY),
    });
    expect(imported.status).toBe(200);
  });

  afterAll(async () => {
    try {
      expect(service.stderr()).toBe('');
      expect(
        service
          .stdout()
          .split('\n')
          .filter((line) => /"level":"(error|fatal)"/.test(line)),
      ).toEqual([]);
      expect(service.decisions().map(({ code }) => code)).not.toContain('internal_error');
      expect(process.kill(service.pid, 0)).toBe(true);
    } finally {
      await service.stop();
    }
  });

  it('are answered by the public listener as openapi.yaml says', async () => {
    const result = await fuzz({
      folder: service.folder,
      document: 'openapi.yaml',
      origin: service.origin,
      bearer: await signFreshJwt({ sub: USER }),
      dictionary: { VideoTokenRequest: { userId: USER, roomId: ROOM, videoId: FILM } },
    });
    expect(result.requests).toBeGreaterThan(200);
    // An id that fits the schema may be unknown to the directory.
    expect(
      unexplained(result, /^\+ve .* expected status 200 but response contained status 403/s),
    ).toEqual([]);
    for (const code of ['subject_mismatch', 'video_not_started', 'region_not_allowed'])
      expect(result.output).toContain(`"code": "${code}"`);
  });

  it('are answered by the internal listener as openapi.internal.yaml says', async () => {
    const result = await fuzz({
      folder: service.folder,
      document: 'openapi.internal.yaml',
      origin: service.internal,
      bearer: ADMIN_KEY,
      adapt: adaptDirectory,
      dictionary: {
        PARAMETERS: {
          // Each is deleted in the course of things.
          PATH: {
            userId: 'User_789',
            videoId: '249850980283086',
            roomId: 'room_456',
            room: ROOM,
            member: USER,
          },
          QUERY: { userId: USER, roomId: ROOM, videoId: FILM },
        },
      },
    });
    expect(result.requests).toBeGreaterThan(1_000);
    // An id may be unknown, and an import may have no lines.
    const refusals =
      /^\+ve .* expected status 20\d but response contained status 404|import -> 4xx .* to null/s;
    expect(unexplained(result, refusals)).toEqual([]);
  });
});

/** What failed for other reasons than these, of which the document says nothing. */
function unexplained({ failures }: FuzzResult, reasons: RegExp) {
  return failures.filter(({ scenario, reason }) => !reasons.test(`${scenario}\n${reason}`));
}

/**
 * Members get parameters of their own, since the other room and user are deleted before; the lists of a
 * room name what is there, since nothing else may be in them.
 */
function adaptDirectory(document: Document): void {
  const members = '/directory/rooms/{roomId}/members/{userId}';
  const { [members]: operations = {}, ...paths } = document.paths;
  const names: Record<string, string> = { roomId: 'room', userId: 'member' };
  for (const { parameters = [] } of Object.values(operations))
    for (const parameter of parameters) parameter.name = names[parameter.name] ?? '';
  document.paths = { ...paths, '/directory/rooms/{room}/members/{member}': operations };
  const { properties } = document.components.schemas.RoomInput ?? {};
  for (const [list, known] of [
    ['videoIds', FILM],
    ['memberIds', USER],
  ] as const)
    if (properties?.[list]) properties[list].items = { type: 'string', enum: [known] };
  const lines = document.paths['/directory/import']?.post?.requestBody?.content[NDJSON];
  if (lines) lines.schema = { type: 'string', enum: [readFileSync(DIRECTORY, 'utf8')] };
}
