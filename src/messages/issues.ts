import type { z } from 'zod';
import { describeUnknown } from './unknown-fields.ts';

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  string: 'text',
};

/**
 * Replaces the default messages of Zod; messages in schemas take precedence.
 *
 * @param names known field names, for suggestions
 */
export function plainIssues(names: readonly string[]): z.core.$ZodErrorMap {
  return (issue) => {
    switch (issue.code) {
      case 'invalid_type':
        return issue.input === undefined
          ? 'is required'
          : `must be ${describeType(issue.expected)}`;
      case 'unrecognized_keys':
        return describeUnknown(issue.keys, names);
      case 'too_small':
        if (isCounted(issue.origin) && issue.minimum === 1) return 'must not be empty';
        return `must be at least ${issue.minimum}${isCounted(issue.origin) ? ' long' : ''}`;
      case 'too_big':
        return `must be at most ${issue.maximum}${isCounted(issue.origin) ? ' long' : ''}`;
      case 'invalid_value':
        return `must be ${issue.values.join(' or ')}`;
      case 'invalid_union': {
        const { options } = issue as { options?: readonly string[] };
        return options ? `must be one of ${options.join(', ')}` : 'has an unknown form';
      }
      default:
        return undefined;
    }
  };
}

function describeType(expected: string): string {
  return TYPES[expected] ?? expected;
}

function isCounted(origin: string): boolean {
  return origin === 'string' || origin === 'array';
}
