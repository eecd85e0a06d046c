// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references that nobody resolved.
import { describe, expect, it } from 'vitest';
import { FILE_VARIABLES } from '../../src/config/variables.ts';
import { LEAST, load, refusal } from '../support/environment.ts';

/** A reference as each tool writes it, which is there when the tool did not replace it. */
const REFERENCES: [tool: string, text: string][] = [
  ['Azure App Service', '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/)'],
  ['Azure App Service by names', '@Microsoft.KeyVault(VaultName=v;SecretName=s)'],
  ['Azure App Configuration', '@Microsoft.AppConfiguration(Endpoint=https://a.azconfig.io; Key=k)'],
  ['Azure Container Apps', 'secretref:zego-server-secret'],
  ['compose', '${ZEGO_SERVER_SECRET}'],
  ['compose with a default', '${ZEGO_SERVER_SECRET:-the default of this variable}'],
  ['GitHub Actions', '${{ secrets.ZEGO_SERVER_SECRET }}'],
  ['Kubernetes', '$(ZEGO_SERVER_SECRET)'],
  ['a shell', '$ZEGO_SERVER_SECRET'],
  ['a Windows shell', '%ZEGO_SERVER_SECRET%'],
  ['PowerShell', '$env:ZEGO_SERVER_SECRET'],
  ['1Password', 'op://production/zego/server-secret'],
  ['Vault', 'vault:secret/data/zego#server_secret'],
  ['Vault, written back', '>>vault:secret/data/zego#server_secret#1'],
  ['Vault as a URL', 'vault://secret/data/zego#server_secret'],
  ['AWS Secrets Manager', 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:zego-AbCdEf'],
  ['AWS in China', 'arn:aws-cn:ssm:cn-north-1:123456789012:parameter/zego'],
  ['AWS Systems Manager', 'ssm:/production/zego/server-secret'],
  ['CloudFormation', '{{resolve:secretsmanager:zego:SecretString:serverSecret}}'],
  ['CloudFormation, YAML', '!Sub ${ServerSecret}'],
  ['Google Secret Manager', 'projects/my-project/secrets/zego/versions/latest'],
  ['Google by its full name', '//secretmanager.googleapis.com/projects/p/secrets/zego/versions/1'],
  ['Spring for Google', 'sm://my-project/zego'],
  ['Berglas', 'berglas://bucket/zego'],
  ["Argo CD's Vault plugin", '<path:secret/data/zego#server_secret>'],
  ["Argo CD's Vault plugin, generic", '<server_secret | base64encode>'],
  ['Helm', '{{ .Values.zego.serverSecret }}'],
  ['Jinja', '{% raw %}secret{% endraw %}'],
  ['ERB', '<%= ENV["ZEGO_SERVER_SECRET"] %>'],
  ['vals', 'ref+awssecrets://zego/server-secret'],
  ['vals in Kubernetes', 'secretref+vault://secret/zego#/server'],
  ['SOPS', 'ENC[AES256_GCM,data:abcd,iv:efgh,tag:ijkl,type:str]'],
  ['Ansible', '$ANSIBLE_VAULT;1.1;AES256'],
  ['Infisical', 'infisical://project/production/ZEGO'],
  ['Akeyless', 'akeyless:/production/zego'],
  ['a file', 'file:///run/secrets/zego'],
  ['the whole secret of AWS', '{"username":"zego","password":"the password of the database"}'],
  ['a list', '["the password of the database"]'],
];

const value = (name: string) =>
  name === 'AUTH_JWT_SECRET' ? {} : { AUTH_JWT_SECRET: LEAST.AUTH_JWT_SECRET };

describe('a reference that was not resolved', () => {
  it.each(REFERENCES)('of %s is refused in place of every secret', (_tool, text) => {
    for (const name of FILE_VARIABLES) {
      const lines = refusal({ ...value(name), [name]: text });
      const line = lines.find((one) => one.startsWith(`${name}: `));
      expect(line).toMatch(/: is a (JSON object, a )?reference that was not resolved/);
      expect(line).not.toContain(text);
      const inFile = refusal(
        { ...value(name), [name]: '', [`${name}_FILE`]: '/run/s' },
        { '/run/s': `${text}\n` },
      );
      expect(inFile.join('\n')).toContain(`${name}_FILE: the value in the file: is a `);
    }
  });

  it.each(REFERENCES)(
    'of %s is refused in place of every secret of a providers file',
    (_tool, text) => {
      const list = (entry: object) =>
        JSON.stringify([{ issuer: 'us', audience: 'films', ...entry }]);
      const variables = { AUTH_JWT_SECRET: undefined, AUTH_PROVIDERS_FILE: 'f' };
      const present = { secret: LEAST.AUTH_JWT_SECRET };
      const beside = { secretPrevious: present, publicKeyPrevious: present };
      for (const field of ['secret', 'secretPrevious', 'publicKey', 'publicKeyPrevious'] as const) {
        const more = beside[field as 'secretPrevious'] ?? {};
        const inline = refusal(variables, { f: list({ ...more, [field]: text }) });
        const given = { ...more, [`${field}File`]: '/run/s' };
        const inFile = refusal(variables, { f: list(given), '/run/s': `${text}\n` });
        for (const [lines, name] of [
          [inline, field],
          [inFile, `${field}File`],
        ] as const) {
          expect(lines).toEqual([
            expect.stringMatching(
              new RegExp(
                `^AUTH_PROVIDERS_FILE: \\[0\\] ${name} is a .*reference that was not resolved`,
              ),
            ),
          ]);
          expect(lines.join()).not.toContain(text);
        }
      }
      for (const key of [{ secret: text }, { secretFile: '/run/s' }, { publicKey: text }]) {
        const lines = refusal(variables, { f: list({ keys: [present, key] }), '/run/s': text });
        expect(lines).toEqual([expect.stringContaining('AUTH_PROVIDERS_FILE: [0.keys.1] ')]);
        expect(lines.join()).toContain('reference that was not resolved');
      }
    },
  );

  it('is not looked for in the bytes of a binary secret', () => {
    const entry = { issuer: 'us', secretFile: '/run/s', secretEncoding: 'binary' };
    const variables = { AUTH_JWT_SECRET: undefined, AUTH_PROVIDERS_FILE: 'f' };
    const bytes = '$(these bytes are 32 or more of them)';
    expect(() => load(variables, { f: JSON.stringify([entry]), '/run/s': bytes })).not.toThrow();
  });

  it.each(REFERENCES.filter(([tool]) => !tool.includes('a list')))(
    'of %s is refused as a part of a URL',
    (_tool, text) => {
      const part = encodeURIComponent(text);
      for (const url of [
        `postgres://${part}:p@db/access`,
        `postgres://u:${part}@db/access`,
        `postgres://u:p@${part}/access`,
        `postgres://u:p@${part}:5432/access`,
        `postgres://u:p@db/${part}`,
        `postgres://u:p@db/${part}?sslmode=require`,
      ]) {
        const [line = '', ...others] = refusal({ ACCESS_MODE: 'postgres', DATABASE_URL: url });
        expect(line).toMatch(
          /^DATABASE_URL: has as its (user|password|host|database) a reference that was not resolved/,
        );
        expect(others).toEqual([]);
      }
      const redis = refusal({ REDIS_URL: `rediss://:${part}@redis:6379` }).join('\n');
      expect(redis).toMatch(/^REDIS_URL: has as its password a reference/);
    },
  );

  it.each(['${DB_PASSWORD}', '$(DB_PASSWORD)', 'op://a/b/c', '{{resolve:ssm:a:1}}', '<path:a#b>'])(
    'is refused in a URL as it is written: %s',
    (text) => {
      const lines = refusal({
        ACCESS_MODE: 'postgres',
        DATABASE_URL: `postgres://u:${text}@db/access`,
      });
      expect(lines.join('\n')).toMatch(/^DATABASE_URL: has as its password a reference/);
    },
  );

  it.each([
    'a secret with ${braces} inside of it, 32+',
    'ends with $(parentheses) of 32 characters',
    'vault: of 32 characters, with a blank',
    'op:/one-slash-alone-is-no-reference-0',
    '<not a whole tag of 32 characters and more',
    '$ecret-passwords-may-begin-with-a-dollar',
    '{"not JSON, but of 32 characters or more',
    'https://a.example/is-long-enough-for-this',
  ])('is not what a secret only contains: %s', (text) => {
    expect(() => load({ AUTH_JWT_SECRET: text })).not.toThrow();
  });

  it('is not a key as JSON', () => {
    const jwk =
      '{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}';
    expect(() =>
      load({ AUTH_JWT_SECRET: '', AUTH_JWT_PUBLIC_KEY: jwk, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }),
    ).not.toThrow();
  });
});
