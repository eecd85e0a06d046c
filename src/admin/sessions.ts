import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** A key, of which only the SHA-256 is known, in hexadecimal digits. */
export type AdminKey = { name: string; keyHash: string; role: 'read' | 'write' };

const SESSION_SECONDS = 8 * 3_600;
const COOKIE = 'zvt_session_';
const VALUE = /^(\d{1,12})\.([\w-]{43})\.([\w.-]{1,64})$/;

/** A key that signed in by a browser; the cookie holds its name, when it ends, and a signature. */
export type Session = {
  key: AdminKey;
  /** Unix seconds. */
  expiresAt: number;
};

/** Signed sessions: replicas keep none, and each accepts the cookies of the others. */
export type Sessions = {
  start(key: AdminKey, now: number): Session & { value: string };
  /** The session of a cookie's value; undefined for a forged one, one that has ended, and one whose key is gone. */
  find(value: string, keys: readonly AdminKey[], now: number): Session | undefined;
};

/** @param secret the ServerSecret, with which tokens can be made without a session */
export function createSessions(secret: () => string): Sessions {
  const sign = ({ name, keyHash }: AdminKey, expiresAt: number) => {
    const key = hkdfSync('sha256', secret(), Buffer.from(keyHash, 'hex'), 'admin session', 32);
    return createHmac('sha256', Buffer.from(key)).update(`${expiresAt}.${name}`).digest();
  };
  return {
    start(key, now) {
      const expiresAt = now + SESSION_SECONDS;
      const value = `${expiresAt}.${sign(key, expiresAt).toString('base64url')}.${key.name}`;
      return { key, expiresAt, value };
    },
    find(value, keys, now) {
      const [, end, signature = '', name] = VALUE.exec(value) ?? [];
      const expiresAt = Number(end);
      const key = keys.find((key) => key.name === name);
      if (!key || !(now < expiresAt)) return undefined;
      const presented = Buffer.from(signature, 'base64url');
      return timingSafeEqual(presented, sign(key, expiresAt)) ? { key, expiresAt } : undefined;
    },
  };
}

/** Whether a request has a session's cookie, of whatever port: browsers send cookies to all ports of a name. */
export function hasSessionCookie(header: string | undefined): boolean {
  return pairsOf(header).some((pair) => pair.startsWith(COOKIE));
}

/** The value of the cookie of the listener at this port. */
export function sessionCookie(header: string | undefined, port: number): string | undefined {
  const name = `${COOKIE}${port}=`;
  return pairsOf(header)
    .find((pair) => pair.startsWith(name))
    ?.slice(name.length);
}

/** The Set-Cookie header of a session (RFC 6265 section 4.1); of an empty value, which ends it. */
export function setSessionCookie(value: string, port: number, isHttps: boolean): string {
  const maxAge = value === '' ? 0 : SESSION_SECONDS;
  const secure = isHttps ? '; Secure' : '';
  return `${COOKIE}${port}=${value}; Max-Age=${maxAge}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}

function pairsOf(header = ''): string[] {
  return header.split(';').map((pair) => pair.trim());
}
