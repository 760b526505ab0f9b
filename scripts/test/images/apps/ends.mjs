// Ends at once without a word.
process.exitCode = 3;
