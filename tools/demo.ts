import { Command } from 'commander';
import { readDotenv } from '../src/config/dotenv.ts';
import { createTerminal } from '../src/operator/terminal.ts';
import { runCommand } from './command.ts';
import { abortOnExit } from './demo/lifetime.ts';
import { runDemo } from './demo/run.ts';

const terminal = createTerminal(process.stdout, process.stderr);
const signal = abortOnExit(process);
const command = new Command('npm run demo --')
  .description('run the service on a sample directory and show one request')
  .option('--once', 'end after the reply')
  .action(async ({ once = false }) => {
    readDotenv(process.env);
    await runDemo(process.env, { once, signal, terminal });
  });
await runCommand(command, terminal, process);
