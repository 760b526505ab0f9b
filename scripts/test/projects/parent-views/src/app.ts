import path from 'node:path';
import express from 'express';

const app = express();

app.set('views', path.join(__dirname, '../views'));
app.set('view engine', 'ejs');
app.use(express.static(path.join(__dirname, '..', 'public')));

app.get('/', (_request, response) => {
  response.render('index', { title: 'A view above the code' });
});

app.get('/healthz', (_request, response) => {
  response.send('ok');
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
