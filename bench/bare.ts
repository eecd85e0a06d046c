import fastify from 'fastify';

/** A bare Fastify route: JSON in, validated by nothing, JSON out by a schema, nothing logged. */
const app = fastify();
const text = { type: 'string' } as const;
const response = {
  200: { type: 'object', properties: { token: text, expireAt: { type: 'integer' } } },
};
app.get('/healthz', () => ({}));
app.post('/video-token', { schema: { response } }, async () => ({
  token: 'x'.repeat(280),
  expireAt: 1_700_003_600,
}));
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
