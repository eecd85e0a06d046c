/** Imported by the service before its own modules: the channel closes with the demo, however that ends. */
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
// The listener would keep a service open that has been asked to end.
process.channel?.unref();
