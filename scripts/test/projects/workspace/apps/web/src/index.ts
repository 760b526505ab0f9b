import { render } from 'ejs';

console.log(render('<h1><%= title %></h1>', { title: 'Not in the image of the API' }));
