import type { AccessDirectory, AccessService } from './access.ts';
import { decide } from './decide.ts';
import { explain } from './explain.ts';

/** Access by the rules, over the facts of a directory. */
export function createRulesService(
  directory: AccessDirectory,
  close: () => Promise<void> | void = () => {},
): AccessService {
  let healthy = true;
  return {
    async check(request, now) {
      try {
        const facts = await directory.facts(request);
        healthy = true;
        return decide(facts, request, now);
      } catch (error) {
        healthy = false;
        throw error;
      }
    },
    explain: async (request, now) => explain(await directory.facts(request), request, now),
    healthy: () => healthy,
    close: async () => close(),
  };
}
