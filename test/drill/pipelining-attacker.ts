import { connect } from 'node:net';

/** What the attacker does until it is killed. */
export type Attack = {
  port: number;
  connections: number;
  /** Sent over and over on each connection, as fast as the server takes it. */
  request: string;
  /** Whether it reads the answers. */
  reads: boolean;
};

const { port, connections, request, reads }: Attack = JSON.parse(process.argv[2] ?? '');
const chunk = Buffer.from(request.repeat(Math.ceil(65_536 / request.length)));

function attack(): void {
  const socket = connect(port, '127.0.0.1');
  const write = () => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on('connect', write).on('drain', write);
  socket.on('error', () => {});
  socket.on('close', () => setTimeout(attack, 20));
  if (reads) socket.resume();
  else socket.pause();
}

for (let n = 0; n < connections; n++) attack();
