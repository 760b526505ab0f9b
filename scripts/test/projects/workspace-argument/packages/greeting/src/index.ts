export const greet = (name: string) => `Hello from ${name}`;
