import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const JWT_SECRET = 'bench-jwt-secret-0123456789-0123456789';

export const ISSUER = 'https://login.example';
export const AUDIENCE = 'video';

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA';

/** Signs the credentials of one algorithm; `publicKey` is PEM, undefined with the shared secret. */
export type Signer = {
  publicKey: string | undefined;
  sign(claims: object, header?: object): string;
};

const BLOCK = 500;
const EXPIRES_AT = Math.floor(Date.now() / 1000) + 86_400;

export function createSigner(algorithm: Algorithm): Signer {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const plainHeader = encode({ alg: algorithm, typ: 'JWT' });
  const keys = keyPair(algorithm);
  return {
    publicKey: keys?.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign(claims, more) {
      const header = more ? encode({ alg: algorithm, typ: 'JWT', ...more }) : plainHeader;
      const input = `${header}.${encode({ exp: EXPIRES_AT, ...claims })}`;
      return `${input}.${signature(algorithm, input, keys?.privateKey)}`;
    },
  };
}

function keyPair(
  algorithm: Algorithm,
): { publicKey: KeyObject; privateKey: KeyObject } | undefined {
  switch (algorithm) {
    case 'HS256':
      return undefined;
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
  }
}

function signature(algorithm: Algorithm, input: string, key: KeyObject | undefined): string {
  if (!key) return createHmac('sha256', JWT_SECRET).update(input).digest('base64url');
  const dsaEncoding = 'ieee-p1363' as const;
  const digest = algorithm === 'EdDSA' ? null : 'sha256';
  return sign(digest, Buffer.from(input), { key, dsaEncoding }).toString('base64url');
}

/**
 * The request of user `n` for the film of the room that only this user is in. Claims say the same as
 * the directory, for the mode that reads them.
 */
export function tokenRequest(signer: Signer, n: number): Buffer {
  const ids = { userId: `user-${n}`, roomId: `room-${n}`, videoId: `video-${n}` };
  const jwt = signer.sign({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: ids.userId,
    video_access: [{ room: ids.roomId, videos: [ids.videoId] }],
  });
  return post('/video-token', JSON.stringify(ids), [`Authorization: Bearer ${jwt}`]);
}

function post(path: string, body: string, headers: readonly string[] = []): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Each of `requests` twice, the second time when a phone's next film or renewal would be. */
export function eachTwice(requests: readonly Buffer[]): Buffer[] {
  const blocks = Array.from({ length: Math.ceil(requests.length / BLOCK) }, (_, n) =>
    requests.slice(n * BLOCK, (n + 1) * BLOCK),
  );
  return blocks.flatMap((block) => [...block, ...block]);
}
