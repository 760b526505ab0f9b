import express from 'express';

const app = express();
app.set('view engine', 'ejs');
app.use(express.static('public'));

app.get('/', (_request, response) => {
  response.render('home', { name: 'a view' });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
