import type { Config } from '../config/config.ts';
import { exportDirectory } from '../directory/export.ts';
import { createRefusedIds } from '../directory/zego-ids.ts';
import { openAccess } from '../open-access.ts';

/** A warning about ids that ZEGO refuses; undefined if there are none, or no directory. */
export async function warnOfIds({ access, auth }: Config): Promise<string | undefined> {
  if (!auth.ids.strict || access.mode === 'http' || access.mode === 'claims') return undefined;
  const { database, service } = await openAccess(access, { readOnly: true });
  const refused = createRefusedIds();
  try {
    if (database)
      for await (const line of exportDirectory(database)) refused.check(JSON.parse(line));
  } finally {
    await service.close();
  }
  return refused.summary();
}
