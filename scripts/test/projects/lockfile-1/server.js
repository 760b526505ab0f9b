const express = require('express');
const routes = require('./routes');

const app = express();

app.use('/', routes);

app.listen(8000, () => {
  console.log('Listening on port 8000');
});
