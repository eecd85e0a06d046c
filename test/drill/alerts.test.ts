import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeWith } from '../support/program.ts';

const RULES = fileURLToPath(new URL('../../deploy/prometheus/alerts.test.yml', import.meta.url));

describeWith('promtool', 'the alert rules', () => {
  it('fire when they should, and only then', () => {
    const output = execFileSync('promtool', ['test', 'rules', RULES], { encoding: 'utf8' });
    expect(output).toContain('SUCCESS');
  });
});
