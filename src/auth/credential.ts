import type { JWTVerifyOptions } from 'jose';

/** Who asks, after the JWT has been verified. */
export type Credential = {
  /** 1 to 64 bytes, the provider's prefix included. */
  userId: string;
  issuer: string | undefined;
  /** Unix seconds. */
  expiresAt: number;
  /** The claim `video_access`, unchecked. */
  videoAccess: unknown;
};

/** What a JWT has to say for jose, in jose's words; the algorithms are never left to the JWT. */
export type JwtChecks = Pick<
  JWTVerifyOptions,
  'issuer' | 'audience' | 'clockTolerance' | 'currentDate'
> & { algorithms: string[] };

/** What auth reports; the metrics listen. */
export type AuthEvents = {
  /** An answer came from the cache of verified tokens, or not. */
  cache(result: 'hit' | 'miss'): void;
  /** A JWT was verified or refused by cryptography, after `seconds`. */
  verified(seconds: number): void;
  jwksFetched(issuer: string, result: 'ok' | 'error'): void;
};
