import { open } from './cipher.ts';
import type { Token04Claims } from './claims.ts';
import { decodeClaims } from './claims.ts';
import type { Envelope, Token04Mode } from './envelope.ts';
import { decodeEnvelope } from './envelope.ts';
import { Token04Error } from './errors.ts';
import { parseSecret } from './secret.ts';

/** How to read a token. */
export type DecodeOptions = {
  /** ServerSecrets to try, the current one first. */
  secrets: readonly string[];
  /** The AppID that the token must be for. CBC is malleable: without it a changed AppID can pass. */
  appId?: number;
  /** Unix seconds; when given, an expired token is refused. */
  now?: number;
};

/** A token that decrypts and whose expiry equals that of its envelope. */
export type Decoded = {
  mode: Token04Mode;
  claims: Token04Claims;
  /** The index of the secret that decrypts it. */
  secretIndex: number;
};

/**
 * Reads a token04 of either mode.
 *
 * @throws {Token04Error} any code from `not_token04` to `expired`
 */
export function decode(token: string, { secrets, appId, now }: DecodeOptions): Decoded {
  const keys = secrets.map(parseSecret);
  const envelope = decodeEnvelope(token);
  const { claims, secretIndex } = openWithAny(envelope, keys);
  if (claims.expireAt !== envelope.expireAt) {
    throw new Token04Error(
      'expire_mismatch',
      `The header says that the token expires at ${envelope.expireAt}, the encrypted part says ${claims.expireAt}.`,
    );
  }
  if (appId !== undefined && claims.appId !== appId) {
    throw new Token04Error(
      'app_id_mismatch',
      `The token is for AppID ${claims.appId}, not ${appId}.`,
    );
  }
  if (now !== undefined && claims.expireAt <= now) {
    throw new Token04Error('expired', `The token expired ${now - claims.expireAt} s ago.`);
  }
  return { mode: envelope.mode, claims, secretIndex };
}

function openWithAny(envelope: Envelope, keys: Buffer[]) {
  let damaged = false;
  for (const [secretIndex, key] of keys.entries()) {
    const { plaintext, looksLikeJson } = open(envelope, key);
    const claims = plaintext && decodeClaims(plaintext);
    if (claims) return { claims, secretIndex };
    damaged ||= looksLikeJson;
  }
  throw damaged
    ? new Token04Error(
        'tampered',
        'The token decrypts, but its content is not that of a token04: it was changed or cut.',
      )
    : new Token04Error(
        'wrong_secret',
        'No given ServerSecret decrypts it: the token belongs to another project, or was made with an older secret.',
      );
}
