import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, PersistentVolumeClaim, Secret, Service } from 'kubernetes-models/v1';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/folder.ts';
import { describeWith } from '../support/program.ts';
import { makeFolder, startProgram } from '../support/service.ts';
import {
  buildRenderer,
  type KubernetesObject,
  objectsOf,
  readChart,
  schemaErrors,
} from './support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SPRIG = '/usr/share/gocode/src/github.com/Masterminds/sprig';
const HEADER = `# Replicas with PostgreSQL and Redis. Needs Kubernetes 1.30, for the hook that sleeps, and its metrics server, for
# the autoscaler. Replace every "replace-me", the image and the addresses, then: kubectl apply -f zego-video-token.yaml
# After a change of the ConfigMap: kubectl rollout restart deployment/zego-video-token
#
# This is what the chart in deploy/helm renders by default; \`npx vitest run test/chart --update\` writes it.
`;
const SETS = ['default', 'one-replica', 'everything'] as const;
/** The schemas, by apiVersion and kind. */
const MODELS: Record<string, new (object: never) => { validate(): void }> = {
  'apps/v1/Deployment': Deployment,
  'autoscaling/v2/HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'monitoring.coreos.com/v1/ServiceMonitor': ServiceMonitor,
  'networking.k8s.io/v1/Ingress': Ingress,
  'networking.k8s.io/v1/NetworkPolicy': NetworkPolicy,
  'policy/v1/PodDisruptionBudget': PodDisruptionBudget,
  'v1/ConfigMap': ConfigMap,
  'v1/PersistentVolumeClaim': PersistentVolumeClaim,
  'v1/Secret': Secret,
  'v1/Service': Service,
};
type Values = Record<string, unknown>;

const canRender = existsSync(SPRIG) || process.env.CI === 'true';

describe.skipIf(!canRender)('the Helm chart (needs Go and sprig of Debian)', () => {
  const folder = temporaryFolder();
  let render: (values: Values) => string;
  const objects = (values: Values) => objectsOf(render(values));

  beforeAll(() => {
    render = buildRenderer(folder.path);
  });
  afterAll(folder.remove);

  it.each(SETS)('renders objects that Kubernetes accepts for the values %s', (name) => {
    const text = render(readChart(`ci/${name}.yaml`));
    expect(text).not.toContain('<no value>');
    for (const object of objectsOf(text)) validate(object);
  });

  it('renders deploy/kubernetes by default', async () => {
    await expect(HEADER + render({})).toMatchFileSnapshot(
      '../../deploy/kubernetes/zego-video-token.yaml',
    );
  });

  it('leaves the number of replicas to the autoscaler', () => {
    expect(kinds(objects({})).Deployment?.spec).not.toHaveProperty('replicas');
    const fixed = kinds(objects({ autoscaling: { enabled: false } }));
    expect(fixed.Deployment?.spec.replicas).toBe(3);
    expect(fixed).not.toHaveProperty('HorizontalPodAutoscaler');
  });

  it('gives one replica a volume that no second one shares', () => {
    const found = kinds(objects(readChart('ci/one-replica.yaml')));
    expect(Object.keys(found).sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'Secret',
      'Service',
    ]);
    expect(found.Deployment?.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  });

  it('adds an Ingress and a ServiceMonitor that selects the internal listener', () => {
    const all = objects(readChart('ci/everything.yaml'));
    const found = kinds(all);
    expect(found.Secret).toBeUndefined();
    expect(found.Ingress?.spec.rules[0].http.paths[0].backend.service.name).toBe(
      'zego-video-token',
    );
    const internal = all.find(({ metadata }) => metadata.name === 'zego-video-token-internal');
    expect(internal?.metadata).toMatchObject({
      labels: found.ServiceMonitor?.spec.selector.matchLabels,
    });
  });

  it('replaces the replicas when the configuration changes', () => {
    const checksum = (values: Values) =>
      kinds(objects(values)).Deployment?.spec.template.metadata.annotations['checksum/config'];
    expect(checksum({ config: { LOG_LEVEL: 'warn' } })).not.toBe(checksum({}));
  });

  it('keeps links to services out of the environment', () => {
    expect(kinds(objects({})).Deployment?.spec.template.spec.enableServiceLinks).toBe(false);
  });

  it('has placeholders for secrets that the service refuses', async () => {
    const found = kinds(objects({}));
    const secrets = Object.entries(found.Secret?.stringData as Record<string, string>);
    const path = makeFolder();
    mkdirSync(join(path, 'secrets'));
    for (const [name, value] of secrets) writeFileSync(join(path, 'secrets', name), value);
    const variables = Object.fromEntries(
      Object.entries(found.ConfigMap?.data as Record<string, string>).map(([name, value]) => [
        name,
        value.replace('/run/secrets/zego-video-token', join(path, 'secrets')),
      ]),
    );
    const program = startProgram(variables, path);
    onTestFinished(program.stop);
    expect((await program.exited).code).toBe(2);
    for (const [name] of secrets) expect(program.stderr()).toContain(name);
  });
});

describeWith('python3', 'the values of the Helm chart', () => {
  it.each(SETS)('takes the values %s by its schema', (name) => {
    expect(schemaErrors(readChart(`ci/${name}.yaml`))).toBe('');
  });

  it.each<[string, Values]>([
    ['an unknown name', { replica: 3 }],
    ['a number in the configuration', { config: { PORT: 8080 } }],
    ['two replicas on one volume', { persistence: { enabled: true }, replicas: 2 }],
    ['an autoscaler with a volume', { persistence: { enabled: true }, replicas: 1 }],
    ['SQLite without a volume', { config: { ACCESS_MODE: 'sqlite' } }],
    ['secrets without ServerSecret', { secret: { names: ['DATABASE_URL'] } }],
  ])('are refused with %s', (_name, values) => {
    expect(schemaErrors(values)).not.toBe('');
  });

  it('name variables that .env.example explains', () => {
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const { config, secret } = readChart('values.yaml') as {
      config: object;
      secret: { names: string[] };
    };
    for (const name of [...Object.keys(config), ...secret.names])
      expect(example).toMatch(new RegExp(`^${name}=`, 'm'));
  });

  it('give the memory that the documents name', () => {
    const { resources } = readChart('values.yaml') as {
      resources: Record<'requests' | 'limits', { memory: string }>;
    };
    expect(resources.requests.memory).toBe(resources.limits.memory);
    const memory = resources.limits.memory.replace('Mi', ' MiB');
    for (const file of ['docs/deployment.md', 'docs/performance.md'])
      expect(readFileSync(join(ROOT, file), 'utf8')).toContain(`${memory} a replica`);
    expect(readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8')).toContain(
      `mem_limit: ${memory.replace(' MiB', 'm')}\n`,
    );
  });
});

/** The object of each kind; of several the first. */
function kinds(objects: KubernetesObject[]): Record<string, KubernetesObject | undefined> {
  return Object.fromEntries(objects.map((object) => [object.kind, object]).reverse());
}

/** Validates an object by the schema of its kind, which must be known. */
function validate(object: KubernetesObject): void {
  const Model = MODELS[`${object.apiVersion}/${object.kind}`];
  if (!Model) throw new Error(`no schema for ${object.apiVersion}/${object.kind}`);
  new Model(object as never).validate();
}
