// Ends at once and says why.
console.log('starting');
console.error('DATABASE_URL is not set');
process.exitCode = 4;
