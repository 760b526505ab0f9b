// Starts the bundle with the bytecode that Dockerfile.lean saved, so that V8 does not compile the code again.
// V8 rejects bytecode of another version or with other flags, and compiles the code: slower, but without an error.
//   node start.cjs                    starts the app
//   node start.cjs --save-bytecode    starts the app, saves the bytecode and exits; only for the build of the image
const { readFileSync, writeFileSync } = require('node:fs');
const { wrap } = require('node:module');
const { join } = require('node:path');
const { constants, Script } = require('node:vm');

const bundle = join(__dirname, 'server.cjs');
const bytecode = join(__dirname, 'server.bytecode');
const saving = process.argv[2] === '--save-bytecode';

// A hashbang is valid only at the beginning, and `wrap` puts code before it. Keep its line, for stack traces.
const code = readFileSync(bundle, 'utf8').replace(/^#!.*/, '');
const script = new Script(wrap(code), {
  filename: bundle,
  cachedData: saving ? undefined : readFileSync(bytecode),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

if (saving) {
  // Save on exit: V8 saves only functions that have run. If the app exits with an error, the build fails.
  process.on('exit', () => writeFileSync(bytecode, script.createCachedData()));
}

// Run the code as Node runs a CommonJS file.
script.runInThisContext().call(module.exports, exports, require, module, bundle, __dirname);

if (saving) process.exit();
