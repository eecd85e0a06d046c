import { describe, expect, it } from 'vitest';
import { explainClaims } from '../../src/auth/claims.ts';
import { STRICT_IDS } from '../../src/auth/user-id.ts';
import { providerSchema } from '../../src/config/identity/provider.ts';
import { NOW } from '../support/clock.ts';
import { CLAIMS } from '../support/compact.ts';
import { JWT_SECRET } from '../support/jwt.ts';

function explain(claims: object, more: object = {}) {
  const rules = providerSchema.parse({ secret: JWT_SECRET, ...more });
  return explainClaims({ ...CLAIMS, ...claims }, rules, STRICT_IDS, NOW);
}

const RULES = { issuer: 'https://login.example', audience: 'films' };
const GOOD = { iss: RULES.issuer, aud: RULES.audience };

describe('the checks of claims', () => {
  it('are each shown, in their order, when they hold', () => {
    expect(explain(GOOD, RULES)).toEqual([
      { claim: 'iss' },
      { claim: 'aud' },
      { claim: 'exp, nbf, iat' },
      { claim: 'sub' },
    ]);
  });

  it('all give their reasons when none holds', () => {
    const wrong = { iss: 7, aud: 'games', exp: 'soon', sub: '' };
    expect(explain(wrong, RULES)).toEqual([
      {
        claim: 'iss',
        refusal: { code: 'claim_iss_type', expected: 'a string', received: 'a number' },
      },
      { claim: 'aud', refusal: { code: 'claim_aud', expected: 'films', received: 'games' } },
      {
        claim: 'exp, nbf, iat',
        refusal: { code: 'claim_exp_type', expected: 'Unix seconds', received: 'a string' },
      },
      { claim: 'sub', refusal: expect.objectContaining({ code: 'claim_sub' }) },
    ]);
  });

  it('give a code alone for what is refused without a reason', () => {
    expect(explain({ ...GOOD, exp: NOW }, RULES)[2]).toEqual({
      claim: 'exp, nbf, iat',
      refusal: { code: 'credential_expired' },
    });
  });

  it('have those that a preset requires', () => {
    const provider = 'cognito:eu-west-1/eu-west-1_Abc123XYZ';
    const checks = explain({ token_use: 'id' }, { secret: undefined, provider, audience: 'films' });
    expect(checks[2]).toEqual({
      claim: 'token_use',
      refusal: { code: 'claim_token_use', expected: 'access', received: 'id' },
    });
  });

  it('have all that are required, as one', () => {
    const rules = providerSchema.parse({ secret: JWT_SECRET });
    const both = { ...rules, requiredClaims: { typ: 'Bearer', use: 'access' } };
    const checks = explainClaims({ ...CLAIMS, typ: 'Bearer' }, both, STRICT_IDS, NOW);
    const refusal = { code: 'claim_use', expected: 'access', received: 'missing' };
    expect(checks[2]).toEqual({ claim: 'typ, use', refusal });
  });

  it('have the prefix that ZEGO would refuse', () => {
    expect(explain(GOOD, { ...RULES, userPrefix: 'a|' })[3]).toEqual({
      claim: 'sub',
      refusal: expect.objectContaining({ code: 'user_id_refused_by_zego' }),
    });
  });

  it('have the id that ZEGO would refuse', () => {
    expect(explain({ ...GOOD, sub: '客厅' }, RULES)[3]).toEqual({
      claim: 'sub',
      refusal: expect.objectContaining({ code: expect.any(String) }),
    });
  });
});
