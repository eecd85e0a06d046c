import { ServiceError } from '../errors.ts';

const BEARER = /^bearer +([\w\-.~+/]+=*)$/i;

/**
 * The token in an Authorization header (RFC 6750 section 2.1).
 *
 * @throws {ServiceError} `credential_missing`, or `credential_invalid` for anything but one Bearer token
 */
export function readBearer(authorization: string | undefined): string {
  if (authorization === undefined) throw new ServiceError('credential_missing');
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) {
    throw new ServiceError('credential_invalid', { cause: { code: 'NOT_BEARER' } });
  }
  return token;
}
