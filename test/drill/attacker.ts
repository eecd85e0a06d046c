import { connect, type Socket } from 'node:net';

/** What the attacker does until it is killed. */
export type Attack = {
  port: number;
  connections: number;
  /** Sent first on each connection. */
  start?: string;
  /** Sent over and over after it, as fast as the server takes it. */
  repeat?: string;
  /** Sends so many bytes at a time, each in a segment of its own. */
  segmentBytes?: number;
  /** How many bytes are sent on a connection; it is held open then. */
  totalBytes?: number;
  /** Whether it reads the answers. */
  reads: boolean;
};

const attack: Attack = JSON.parse(process.argv[2] ?? '');
const { port, connections, start = '', repeat = '', segmentBytes, reads } = attack;
const { totalBytes = Number.POSITIVE_INFINITY } = attack;
const chunk = Buffer.from(repeat.repeat(Math.ceil(65_536 / (repeat.length || 65_536))));

function open(): void {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('connect', () => {
    socket.write(start);
    if (repeat !== '') send(socket, totalBytes);
  });
  socket.on('error', () => {});
  socket.on('close', () => setTimeout(open, 20));
  if (reads) socket.resume();
  else socket.pause();
}

function send(socket: Socket, left: number): void {
  if (left <= 0 || !socket.writable) return;
  const from = Number.isFinite(left) ? (totalBytes - left) % chunk.length : 0;
  const piece = chunk.subarray(from, from + Math.min(segmentBytes ?? chunk.length, left));
  const next = () => send(socket, left - piece.length);
  // A segment of its own for each piece: the next one waits until this one is out.
  if (socket.write(piece) && segmentBytes === undefined) next();
  else if (segmentBytes !== undefined) setImmediate(next);
  else socket.once('drain', next);
}

for (let n = 0; n < connections; n++) open();
// Connections that are neither read nor written keep no process alive.
setInterval(() => {}, 60_000);
