import { mkdirSync, writeFileSync } from 'node:fs';
import ejs from 'ejs';

mkdirSync('dist', { recursive: true });
writeFileSync('dist/index.html', ejs.render('<h1><%= title %></h1>', { title: 'Not in the image of the API' }));
