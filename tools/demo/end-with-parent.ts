/** Preloaded into the service: stops it when the IPC channel closes, however the demo ends. */
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
// Otherwise the channel would keep the process alive.
process.channel?.unref();
