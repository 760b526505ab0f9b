import cpuFeatures from 'cpu-features';
import express from 'express';

const app = express();

// The addon is C++: it asks the processor.
app.get('/', (_request, response) => {
  response.json({ message: `Compiled for ${cpuFeatures().arch}` });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
