import type { RandomBytes } from './cipher.ts';
import { createSeal } from './cipher.ts';
import { checkAppId, encodeClaims, MAX_NONCE } from './claims.ts';
import type { Token04Mode } from './envelope.ts';
import { encodeEnvelope } from './envelope.ts';
import { parseSecret } from './secret.ts';

/** The ZEGO project that tokens are made for. */
export type GeneratorOptions = {
  /** ZEGO AppID, 1 … 4294967295. */
  appId: number;
  /** ServerSecret: 32 bytes, used as they are. */
  secret: string;
  /** @default 'cbc' */
  mode?: Token04Mode;
};

/** The content of one token. Times are Unix seconds. */
export type GenerateInput = {
  /** 1 to 64 bytes of UTF-8; must equal the id that the client logs in to ZEGO with. */
  userId: string;
  payload: string;
  createdAt: number;
  /** 1 to 2,073,600 seconds (24 days) after `createdAt`. */
  expireAt: number;
};

/**
 * Makes a token04.
 *
 * @throws {Token04Error} when the input is out of bounds
 */
export type Generate = (input: GenerateInput) => string;

/** A generator with an injected source of randomness, which also provides IVs. Not exported by index.ts. */
export function createGeneratorWith(options: GeneratorOptions, random: RandomBytes): Generate {
  const { appId, secret, mode = 'cbc' } = options;
  checkAppId(appId);
  const seal = createSeal(mode, parseSecret(secret), random);
  return ({ userId, payload, createdAt, expireAt }) => {
    const nonce = random(4).readUInt32BE() & MAX_NONCE;
    const plaintext = encodeClaims({ appId, userId, nonce, createdAt, expireAt, payload });
    return encodeEnvelope(mode, expireAt, seal(plaintext));
  };
}
