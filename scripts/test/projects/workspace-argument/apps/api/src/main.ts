import { parseArgs } from 'node:util';
import { serve } from './serve.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { verbose: { type: 'boolean', default: false } },
});

switch (positionals[0]) {
  case 'serve':
    serve(values.verbose);
    break;
  default:
    console.error('Usage: main.js serve [--verbose]');
    process.exit(2);
}
