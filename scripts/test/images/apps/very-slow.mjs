// Responds to each request after 20 s.
process.env.DELAY_MS = '20000';
await import('./slow.mjs');
