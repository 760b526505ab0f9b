// For Dockerfile.lean: starts the bundle with the bytecode that the build saved beside it, so that V8 need not compile
// it again. V8 refuses bytecode of another version or of other flags. It then compiles as always: slower, no error.
//   node start.cjs                    starts the app
//   node start.cjs --save-bytecode    starts it, saves the bytecode and ends; only while the image is built
const { readFileSync, writeFileSync } = require('node:fs');
const { wrap } = require('node:module');
const { join } = require('node:path');
const { constants, Script } = require('node:vm');

const bundle = join(__dirname, 'server.cjs');
const bytecode = join(__dirname, 'server.bytecode');
const saving = process.argv[2] === '--save-bytecode';

// Without a hashbang, which Node ignores only at the very beginning. The line stays, for stack traces.
const code = readFileSync(bundle, 'utf8').replace(/^#!.*/, '');
const script = new Script(wrap(code), {
  filename: bundle,
  cachedData: saving ? undefined : readFileSync(bytecode),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

if (saving) {
  // At the end, and not before the run: only functions that have run are compiled, and only those are saved. An app that
  // ends by itself comes here, too. Where it ends with an error, the build fails.
  process.on('exit', () => writeFileSync(bytecode, script.createCachedData()));
}

// What Node itself does with a CommonJS file.
script.runInThisContext().call(module.exports, exports, require, module, bundle, __dirname);

if (saving) process.exit();
