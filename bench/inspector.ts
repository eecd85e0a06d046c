/** What a process holds after it has collected its garbage, in MB. */
type Heap = { usedMegabytes: number; buffersMegabytes: number };

export type Inspector = {
  /** Twice: what finalizers let go of in the first time is collected in the second. */
  collectGarbage(): Promise<Heap>;
  close(): void;
};

/** The reply of Runtime.getHeapUsage, in bytes. */
type Usage = { usedSize: number; backingStorageSize: number };

const MEGABYTE = 1024 * 1024;

/** Attaches to the process whose inspector listens on this port of loopback. */
export async function openInspector(port: number): Promise<Inspector> {
  const targets = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = (await targets.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  const { promise: opened, resolve: open, reject } = Promise.withResolvers<void>();
  const waiting = new Map<number, PromiseWithResolvers<Usage>>();
  socket.addEventListener('open', () => open());
  socket.addEventListener('error', () => reject(new Error('no inspector answers')));
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data));
    waiting.get(id)?.resolve(result);
    waiting.delete(id);
  });
  socket.addEventListener('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the service has ended'));
  });
  await opened;
  let lastId = 0;
  const call = (method: string) => {
    if (socket.readyState !== WebSocket.OPEN) throw new Error('the service has ended');
    const answer = Promise.withResolvers<Usage>();
    waiting.set(++lastId, answer);
    socket.send(JSON.stringify({ id: lastId, method }));
    return answer.promise;
  };
  return {
    async collectGarbage() {
      await call('HeapProfiler.collectGarbage');
      await call('HeapProfiler.collectGarbage');
      const { usedSize, backingStorageSize } = await call('Runtime.getHeapUsage');
      return {
        usedMegabytes: usedSize / MEGABYTE,
        buffersMegabytes: backingStorageSize / MEGABYTE,
      };
    },
    close: () => socket.close(),
  };
}
