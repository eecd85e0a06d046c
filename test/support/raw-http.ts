import { connect, type Socket } from 'node:net';
import type { Answer } from './problem.ts';

const BREAK = '\r\n';

/** The text of one request, byte for byte as given; the server is asked to hang up. */
export function rawRequest(line: string, headers: readonly string[] = [], body = ''): string {
  return [line, 'Host: test', 'Connection: close', ...headers, '', body].join(BREAK);
}

/** Sends bytes over a socket of their own and reads the answers until the server hangs up. */
export async function converse(
  port: number,
  bytes: string | Uint8Array,
  onConnect: (socket: Socket) => void = () => {},
): Promise<Answer[]> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Uint8Array[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that hangs up while bytes are on their way resets the connection.
  socket.on('error', () => {});
  socket.write(bytes);
  socket.once('connect', () => onConnect(socket));
  await new Promise((resolve) => socket.once('close', resolve));
  return parseAnswers(Buffer.concat(chunks));
}

/** The answers in what a server sent; each has a Content-Length or no body. */
export function parseAnswers(bytes: Buffer): Answer[] {
  const answers: Answer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf(BREAK + BREAK);
    if (end < 0) throw new Error(`no answer of HTTP: ${rest.toString('latin1')}`);
    const [line = '', ...fields] = rest.toString('latin1', 0, end).split(BREAK);
    const headers = Object.fromEntries(fields.map(parseField));
    const start = end + 2 * BREAK.length;
    const length = Number(headers['content-length'] ?? 0);
    const text = rest.toString('utf8', start, start + length);
    answers.push({ status: Number(line.split(' ')[1]), headers, body: parseBody(text) });
    rest = rest.subarray(start + length);
  }
  return answers;
}

function parseField(field: string): [string, string] {
  const colon = field.indexOf(':');
  return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
