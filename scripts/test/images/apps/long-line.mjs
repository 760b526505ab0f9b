// Prints one line of 300 kB and ends.
console.error('x'.repeat(300_000));
process.exitCode = 1;
