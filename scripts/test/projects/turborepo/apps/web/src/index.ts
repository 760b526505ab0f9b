import { createServer } from 'node:http';
import ejs from 'ejs';

const page = ejs.render('<h1><%= title %></h1>', { title: 'Not in the image of the API' });

createServer((_request, response) => response.end(page)).listen(process.env.PORT || 3001);
