import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadOptions, LoadResult } from './load.ts';

/** Requests come from a file, apart by a zero byte; the arguments are its path and the first request. */
const SCRIPT = `
local requests, count, at = {}, 0, 0
function init(args)
  local file = assert(io.open(args[1], 'rb'))
  for text in file:read('*a'):gmatch('[^%z]+') do
    count = count + 1
    requests[count] = text
  end
  file:close()
  at = tonumber(args[2]) % count
end
function request()
  at = at % count + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"sent":%d,"micros":%d,"p50":%d,"p99":%d,"p999":%d,"failed":%d}\\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.status + e.connect + e.read + e.write + e.timeout))
end
`;

/** A load by wrk, with one thread. */
export function createWrk(folder: string) {
  const script = join(folder, 'wrk.lua');
  writeFileSync(script, SCRIPT);
  const files = new Map<readonly Buffer[], string>();

  function fileOf(requests: readonly Buffer[]): string {
    const known = files.get(requests);
    if (known) return known;
    const path = join(folder, `requests-${files.size}`);
    writeFileSync(path, requests.join('\0'));
    files.set(requests, path);
    return path;
  }

  return async (options: LoadOptions): Promise<LoadResult> => {
    const { port, connections, seconds, requests, offset } = options;
    const flags = ['-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '-s', script];
    const args = [`http://127.0.0.1:${port}`, '--', fileOf(requests), `${offset}`];
    const { stdout } = await promisify(execFile)('wrk', [...flags, ...args]);
    const [, text] = /^RESULT (.+)$/m.exec(stdout) ?? [];
    if (!text) throw new Error(`wrk has no result: ${stdout}`);
    const { sent, micros, failed, ...latency } = JSON.parse(text);
    return {
      sent,
      failed,
      perSecond: sent / (micros / 1e6),
      p50: latency.p50 / 1000,
      p99: latency.p99 / 1000,
      p999: latency.p999 / 1000,
    };
  };
}
