import express from 'express';
import sharp from 'sharp';

const app = express();

app.get('/', async (_request, response) => {
  const image = await sharp({ create: { width: 640, height: 480, channels: 3, background: 'teal' } })
    .resize(64)
    .webp()
    .toBuffer();
  const { format, width, height } = await sharp(image).metadata();
  response.json({ message: `${format} of ${width} x ${height}` });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
