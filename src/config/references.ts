/**
 * References to secrets, by the tool that should have put the secret in their place. Each matches a whole value: a
 * password may well contain such characters.
 */
const REFERENCES: readonly [tool: string, form: RegExp][] = [
  ['Azure App Service', /^@Microsoft\.\w+\(.*\)$/is],
  ['Azure Container Apps', /^(secretref|keyvaultref):.+$/i],
  ['a shell, compose or CI', /^\$\{\{?.+\}\}?$/s],
  ['Kubernetes', /^\$\(.+\)$/s],
  ['a shell', /^\$[A-Z_][A-Z\d_]*$/],
  ['PowerShell', /^\$env:\w+$/i],
  ['a Windows shell', /^%[A-Z_][A-Z\d_]*%$/],
  ['1Password', /^op:\/\/.+$/i],
  ['Vault', /^>?>?vault:[^\s]+$/i],
  ['AWS', /^arn:[\w-]+:.+$/i],
  ['AWS', /^(aws-?(sm|ssm)|secretsmanager|ssm|awssm|awsssm):\/?.+$/i],
  [
    'Google Cloud',
    /^(gcp:secretmanager:|\/?\/?(secretmanager\.googleapis\.com\/)?projects\/)[^\s]+\/secrets\/.+$/i,
  ],
  ['Google Cloud', /^(sm|gcp-?sm|gcp-secret-manager|berglas|secretmanager):\/\/.+$/i],
  ['CloudFormation', /^\{\{resolve:.+\}\}$/is],
  ['a template', /^\{\{.+\}\}$/s],
  ['a template', /^\{%.+%\}$/s],
  ['a template', /^<%.+%>$/s],
  ["Argo CD's Vault plugin", /^<[^<>]+>$/],
  ['vals', /^(secret)?ref\+\w+:\/\/.+$/i],
  ['SOPS', /^ENC\[.+\]$/s],
  ['Ansible', /^(\$ANSIBLE_VAULT;|!vault\b).*$/s],
  ['CloudFormation', /^!(Ref|Sub|GetAtt|ImportValue)\b.+$/s],
  [
    'a secret store',
    /^(vault|azkv|akv|azure-?key-?vault|keyvault|infisical|doppler|akeyless|bws?|bitwarden|conjur|chamber|pass|gopass|keyring|k8s|kubernetes|secrets?|secretstore|env|keeper|lastpass|dashlane|akv2k8s|spiffe|knox|delinea|dsv|phase|onepassword):\/\/.+$/i,
  ],
  ['Akeyless', /^akeyless:.+$/i],
  ['a file', /^file:\/.+$/i],
];

/**
 * Whether a value is a reference that the tool in front of the service should have replaced.
 *
 * @returns what it is, without the value
 */
export function unresolvedReference(value: string): string | undefined {
  const text = value.trim();
  const tool = REFERENCES.find(([, form]) => form.test(text))?.[0];
  if (tool)
    return `is a reference that was not resolved (${tool}); the service needs the secret itself`;
  if (isObjectWithoutKey(text)) {
    return 'is a JSON object, a reference that was not resolved to one of its fields; the service needs the secret itself';
  }
  return undefined;
}

/** A JSON object with `kty` is a key, and one with `keys` a key set (RFC 7517). */
function isObjectWithoutKey(text: string): boolean {
  if (!/^[{[]/.test(text)) return false;
  try {
    const value: unknown = JSON.parse(text);
    const isKey = (one: object) => Object.hasOwn(one, 'kty') || Object.hasOwn(one, 'keys');
    return typeof value === 'object' && value !== null && !isKey(value);
  } catch {
    return false;
  }
}

/** The same for the parts of a connection URL: user, password, host and database. */
export function unresolvedPart(address: string): string | undefined {
  const [, credentials = '', host = '', path = ''] =
    /^[\w+.-]+:\/\/(?:(.*)@)?([^@/?#]*)\/?([^?#]*)/s.exec(address) ?? [];
  const [user = '', ...password] = credentials.split(':');
  const parts = {
    user,
    password: password.join(':'),
    host: host.replace(/:\d*$/, ''),
    database: path,
  };
  for (const [name, part] of Object.entries(parts)) {
    if (unresolvedReference(decoded(part))) {
      return `has as its ${name} a reference that was not resolved; the service needs the value itself`;
    }
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
