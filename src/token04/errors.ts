/** Stable codes for invalid input. */
export type Token04ErrorCode =
  | 'app_id_invalid'
  | 'user_id_invalid'
  | 'secret_invalid'
  | 'secret_is_app_sign'
  | 'payload_invalid'
  | 'payload_too_large'
  | 'created_at_invalid'
  | 'lifetime_invalid'
  | 'not_token04'
  | 'is_jwt'
  | 'truncated'
  | 'wrong_secret'
  | 'tampered'
  | 'claims_invalid'
  | 'expire_mismatch'
  | 'app_id_mismatch'
  | 'expired';

/** The only error that this module throws. Its message never contains a secret or a plaintext. */
export class Token04Error extends Error {
  override readonly name = 'Token04Error';
  readonly code: Token04ErrorCode;

  constructor(code: Token04ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
