import { type JWTPayload, SignJWT } from 'jose';
import { NOW } from './clock.ts';

/** The secret that the tests' credentials are signed with. */
export const JWT_SECRET = 'canary-jwt-secret-5f1b0c7e9a3d48626d0e';

/** A credential as the app would give it to its user; claims that are undefined are left out. */
export function signJwt(
  claims: JWTPayload = {},
  secret: string = JWT_SECRET,
  header: Record<string, unknown> = {},
): Promise<string> {
  const payload = { sub: 'alice', exp: NOW + 7200, ...claims };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', ...header })
    .sign(Buffer.from(secret));
}

/** A credential of the real clock, for services that are processes of their own. */
export function signFreshJwt(claims: JWTPayload = {}, secret?: string): Promise<string> {
  return signJwt({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims }, secret);
}
