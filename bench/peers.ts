import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from '../src/token04/index.ts';
import { SERVER_SECRET } from './server.ts';

/** What go build says without a C compiler, with cgo left on or off, and without the header of SQLite. */
const WITHOUT_CGO = /C compiler|undefined: directory|sqlite3\.h: No such file/;

/**
 * Builds a Go program of bench/go and returns its path; undefined where Go is not installed, or for the peer of equal
 * work a C compiler or the header of SQLite.
 */
export function buildGoPeer(folder: string, name: '.' | './equal' = '.'): string | undefined {
  const output = join(folder, name === '.' ? 'go-signing' : 'go-equal');
  const cwd = fileURLToPath(new URL('go', import.meta.url));
  const { error, status, stderr } = spawnSync('go', ['build', '-o', output, name], { cwd });
  if (error || WITHOUT_CGO.test(`${stderr}`)) return undefined;
  if (status !== 0) throw new Error(`go build: ${stderr}`);
  return output;
}

/** A peer that makes no token of this user, room and video does other work than the service. */
export async function checkPeer(port: number, request: Buffer): Promise<void> {
  const [head = '', body = ''] = request.toString().split('\r\n\r\n');
  const [, authorization = ''] = /^Authorization: (.+)$/m.exec(head) ?? [];
  const response = await fetch(`http://127.0.0.1:${port}/video-token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body,
  });
  const { token } = (await response.json()) as { token: string };
  const { userId, payload } = decode(token, { secrets: [SERVER_SECRET], appId: 1 }).claims;
  const asked = JSON.parse(body);
  const expected = JSON.stringify({ room_id: asked.roomId, video_id: asked.videoId });
  if (userId !== asked.userId || payload !== expected) {
    throw new Error(`a token for ${userId}, ${payload}`);
  }
}
